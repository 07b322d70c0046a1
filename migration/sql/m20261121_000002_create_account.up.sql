create table branch (
    id uuid primary key,
    name text not null unique,
    time_zone text not null,
    address text,
    latitude double precision check (latitude between -90 and 90),
    longitude double precision check (longitude between -180 and 180),
    turnaround_minutes integer not null default 60 check (turnaround_minutes between 0 and 1440),
    -- May a clean return make its car available again without a person?
    auto_release boolean not null default false,
    created_at timestamptz not null default now()
);

-- A house with one branch needs to configure nothing: cars without a branch stand here.
insert into branch (id, name, time_zone) values ('00000000-0000-7000-8000-000000000001', 'Main', 'UTC');

create table account (
    id uuid primary key,
    email text not null unique,
    name text not null,
    phone text,
    password_hash text not null,
    role text not null,
    branch_id uuid references branch,
    suspended_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
-- One person, however the mail is sorted: the address without its +alias.
create index account_person on account (regexp_replace(email, '^([^+@]+)[+][^@]*@', '\1@'));
create index account_role on account (role) where suspended_at is null;
create index account_suspended on account (suspended_at) where suspended_at is not null;
create index account_staff on account (created_at desc, id desc) where role <> 'customer';

-- What a job may not carry: the address and password hash of somebody who registers.
-- The row goes when the job is done.
create table registration (
    id uuid primary key,
    email text not null,
    name text not null,
    phone text,
    password_hash text not null,
    created_at timestamptz not null default now()
);

create table session (
    id uuid primary key,
    account_id uuid not null references account,
    user_agent text,
    ip text,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz
);
create index session_account on session (account_id) where revoked_at is null;
create index session_over on session (greatest(expires_at, revoked_at));
create index session_revoked on session (revoked_at) where revoked_at is not null;

-- Single use: a second use of one token revokes its whole session.
create table refresh_token (
    hash bytea primary key,
    session_id uuid not null references session on delete cascade,
    created_at timestamptz not null default now(),
    used_at timestamptz
);
create index refresh_token_session on refresh_token (session_id);
create index refresh_token_used on refresh_token (used_at) where used_at is not null;

create table audit_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    -- NULL is the platform itself.
    actor uuid,
    action text not null,
    subject_kind text not null,
    subject_id uuid not null,
    detail jsonb not null default '{}'
);
create index audit_log_subject on audit_log (subject_kind, subject_id, id);
