-- What enrolments came to, for whoever asked for a token and never heard the answer: the token that was made, or NULL
-- when the enrolment was given up before one was.

CREATE TABLE enrolments (
    enrolment_id TEXT PRIMARY KEY,
    token_reference TEXT,
    noted_at BIGINT NOT NULL
);

CREATE INDEX enrolments_by_age ON enrolments (noted_at);
