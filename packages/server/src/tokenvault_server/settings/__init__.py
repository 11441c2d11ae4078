"""The settings of a vault: what there is to set (`fields`), and where it is read from (`loading`)."""

from tokenvault_server.settings.fields import (
    CONFIG_FILE,
    FILE_ONLY,
    LOCAL,
    PREFIX,
    SECRET_FIELDS,
    CardRangeSetting,
    LocalProviderSetting,
    PluginSetting,
    Settings,
    TokenServiceSettings,
)
from tokenvault_server.settings.hidden import HiddenOptions, HiddenText
from tokenvault_server.settings.loading import config_file, for_directory, load, redacted

__all__ = [
    "CONFIG_FILE",
    "FILE_ONLY",
    "LOCAL",
    "PREFIX",
    "SECRET_FIELDS",
    "CardRangeSetting",
    "HiddenOptions",
    "HiddenText",
    "LocalProviderSetting",
    "PluginSetting",
    "Settings",
    "TokenServiceSettings",
    "config_file",
    "for_directory",
    "load",
    "redacted",
]
