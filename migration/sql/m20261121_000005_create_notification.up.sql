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

-- One row per (event, recipient, channel): the unique key is what keeps a repeated job from telling twice.
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
    created_at timestamptz not null default now(),
    unique (template, subject_id, account_id, channel)
);
