create extension if not exists btree_gist;

create table car (
    id uuid primary key,
    plate text not null unique,
    vin text unique,
    make text not null,
    model text not null,
    year smallint not null,
    category text not null,
    seats smallint not null check (seats between 1 and 60),
    fuel_type text not null,
    -- Minor units of `currency`.
    price_per_day bigint not null check (price_per_day >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    branch_id uuid not null references branch,
    location text,
    description text,
    features text[] not null default '{}',
    status text not null default 'in_service' check (status in ('in_service', 'workshop', 'quarantined', 'retired')),
    odometer_km integer not null default 0 check (odometer_km >= 0),
    version integer not null default 1,
    -- Of these versions the one with which it last went out of service.
    stopped_version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index car_listing on car (created_at, id);
create index car_category on car (branch_id, category);
create index car_price on car (price_per_day, id);

create table booking (
    id uuid primary key,
    number text not null unique,
    car_id uuid not null references car,
    customer_id uuid not null references account,
    branch_id uuid not null references branch,
    -- The customer's own dates; the reservation adds the turnaround.
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    time_zone text not null,
    status text not null,
    -- The quote as it was shown, never recomputed.
    quote json not null,
    total bigint not null,
    currency text not null,
    plate text not null,
    cancelled_at timestamptz,
    cancel_reason text,
    cancel_fee bigint,
    refund bigint,
    policy_version integer not null default 1,
    -- The end of free cancellation, when it had come before the dates were changed: a change opens it to nobody again.
    closed_at timestamptz,
    -- What a cancellation cost then, in minor units: a change makes it no cheaper.
    closed_fee bigint,
    -- When a change brought the start near, while a cancellation was free: the hour to think again begins then.
    near_since timestamptz,
    -- Cancelled because the house had no car.
    house_fault boolean not null default false,
    picked_up_at timestamptz,
    odometer_out_km integer,
    fuel_out double precision check (fuel_out between 0 and 1),
    -- When it was noticed that the car is not back at `ends_at`; an extension takes it back.
    overdue_at timestamptz,
    returned_at timestamptz,
    odometer_in_km integer,
    fuel_in double precision check (fuel_in between 0 and 1),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (ends_at > starts_at)
);
create index booking_customer on booking (customer_id, created_at desc, id desc);
create index booking_car on booking (car_id, starts_at);
create index booking_listing on booking (created_at desc, id desc);
create index booking_status on booking (status, starts_at);
create index booking_out on booking (ends_at) where status = 'Active';

-- A booking as it was before each change: car, dates and quote, and why it changed.
create table booking_change (
    booking_id uuid not null references booking,
    -- The version of the booking that this was.
    version integer not null,
    car_id uuid not null references car,
    plate text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    time_zone text not null,
    quote json not null,
    total bigint not null,
    currency text not null,
    reason text not null check (reason in ('asked', 'extended', 'overrun', 'unsafe', 'house_fault')),
    -- NULL is the platform itself.
    changed_by uuid references account,
    created_at timestamptz not null default now(),
    primary key (booking_id, version)
);
create index booking_change_car on booking_change (car_id);

-- Everything that occupies a car, a bay or a mechanic. A row exists exactly as
-- long as the time is taken; releasing time is deleting the row.
create table reservation (
    id uuid primary key,
    resource_kind text not null check (resource_kind in ('car', 'bay', 'mechanic')),
    resource_id uuid not null,
    -- Half-open, turnaround included.
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    purpose text not null check (purpose in ('booking', 'offer', 'checkout', 'maintenance', 'block')),
    -- Checked at commit: the time is taken first, the booking is written when it was free.
    booking_id uuid references booking deferrable initially deferred,
    -- Holds end by themselves: whoever wants the time deletes what has expired.
    expires_at timestamptz,
    reason text,
    created_at timestamptz not null default now(),
    -- Finite and never empty: an empty range would overlap nothing, an infinite one would block for ever.
    constraint reservation_period check (
        isfinite(starts_at) and isfinite(ends_at) and ends_at > starts_at and ends_at - starts_at <= interval '400 days'
    ),
    constraint reservation_hold check (expires_at is null or purpose in ('offer', 'checkout')),
    -- An id is never used twice, so the kind need not be compared: with it a row took three times as long to insert.
    constraint reservation_overlap exclude using gist (resource_id with =, tstzrange(starts_at, ends_at) with &&)
);
create unique index reservation_booking on reservation (booking_id) where booking_id is not null;
create index reservation_expiry on reservation (expires_at) where expires_at is not null;

create table odometer_reading (
    id bigint generated always as identity primary key,
    car_id uuid not null references car,
    km integer not null check (km >= 0),
    source text not null check (source in ('pickup', 'return', 'service', 'staff')),
    booking_id uuid references booking,
    at timestamptz not null default now()
);
create index odometer_reading_car on odometer_reading (car_id, at desc);
