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
    message_id text not null unique,
    state text not null check (state in ('sent', 'bounced')),
    detail text,
    job_id uuid not null,
    created_at timestamptz not null default now()
);
