create table notification (
    id uuid primary key,
    -- The order in which a live stream tells them.
    seq bigint generated always as identity unique,
    account_id uuid not null references account,
    type text not null check (type in ('BOOKING', 'REVIEW', 'SYSTEM')),
    title text not null,
    message text not null,
    data jsonb not null default '{}',
    is_read boolean not null default false,
    created_at timestamptz not null default now()
);
create index notification_account on notification (account_id, seq desc);

-- What left by a channel. The message id is derived from event, recipient and channel, so it is
-- also what keeps a repeated job from telling twice.
create table delivery (
    id uuid primary key,
    account_id uuid not null references account,
    channel text not null check (channel in ('mail')),
    template text not null,
    subject_id uuid not null,
    -- That of the announcement, such as the version of the booking that was told.
    turn integer not null default 0,
    message_id text not null unique,
    state text not null check (state in ('sent', 'bounced')),
    detail text,
    job_id uuid not null,
    created_at timestamptz not null default now()
);
create index delivery_change on delivery (account_id, created_at) where template in ('booking_changed', 'booking_moved');
create index delivery_subject on delivery (subject_id, created_at, id);

-- Who was asked to decide what, and how: in a mail of its own, or, above so many an hour, together with others.
create table decision_call (
    id bigint generated always as identity primary key,
    account_id uuid not null references account,
    news text not null,
    subject_id uuid not null,
    turn integer not null,
    alone boolean not null,
    -- The job that tells it in a digest. What it took stays its own, so that every try is the same mail.
    told_by uuid,
    created_at timestamptz not null default now(),
    unique (account_id, news, subject_id, turn)
);
create index decision_call_alone on decision_call (account_id, created_at) where alone;
create index decision_call_waiting on decision_call (account_id, id) where not alone and told_by is null;
create index decision_call_told on decision_call (told_by) where told_by is not null;
