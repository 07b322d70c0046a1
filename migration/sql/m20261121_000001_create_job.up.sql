-- The ledger: what was accepted, and what became of it.
create table job (
    id uuid primary key,
    queue text not null,
    kind text not null,
    -- As it was written, like `outcome`: both are read whole, and never asked into.
    payload json not null,
    -- Who asked; NULL is the platform itself or somebody without an account.
    principal uuid,
    -- The client's own name for the request, and what it is a name for: method and path.
    idempotency_key text collate "C" check (length(idempotency_key) between 1 and 1000),
    request_hash bytea,
    dedupe_key text,
    state text not null default 'ready' check (state in ('ready', 'running', 'done', 'dead', 'cancelled')),
    priority smallint not null default 0,
    run_at timestamptz not null default now(),
    attempt integer not null default 0,
    crashes integer not null default 0,
    max_attempts integer not null check (max_attempts > 0),
    fence bigint not null default 0,
    lease_until timestamptz,
    worker text,
    -- The front that waits for the outcome, if any.
    reply_to text,
    outcome json,
    error jsonb,
    traceparent text,
    request_id text,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint job_lease check ((state = 'running') = (lease_until is not null)),
    constraint job_finish check ((state in ('done', 'dead', 'cancelled')) = (finished_at is not null))
) with (fillfactor = 75);

-- The key first: nobody can be looked for by an index who may be nobody.
create unique index job_idempotency on job (idempotency_key, principal) nulls not distinct
    where idempotency_key is not null;
create unique index job_dedupe on job (kind, dedupe_key) where dedupe_key is not null;
create index job_due on job (queue, priority desc, run_at, id) where state = 'ready';
-- Jobs that two processes died of: few, and looked for every second.
create index job_suspect on job (queue, run_at) where state = 'ready' and crashes >= 2;
create index job_running on job (queue, lease_until) where state = 'running';
create index job_dead on job (finished_at desc, id desc) where state = 'dead';
