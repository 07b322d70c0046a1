-- Who waits for time that is taken, in the order (priority desc, seq).
create sequence waitlist_seq;

create table waitlist_entry (
    id uuid primary key,
    -- The place in the queue; a new one is drawn when somebody goes to the tail.
    seq bigint not null unique default nextval('waitlist_seq'),
    customer_id uuid not null references account,
    -- One car, or a class at a branch.
    car_id uuid references car,
    category text,
    branch_id uuid references branch,
    -- A better class at the same price is welcome too.
    or_better boolean not null default false,
    kind text not null check (kind in ('window', 'asap')),
    -- The window wished for; the start may shift by the flexibility, and a part of
    -- `min_days` or more is welcome where that is given.
    starts_at timestamptz,
    ends_at timestamptz,
    flexibility_minutes integer not null default 0 check (flexibility_minutes between 0 and 43200),
    min_days integer check (min_days between 1 and 30),
    -- As soon as possible, for so many days.
    days integer check (days between 1 and 30),
    latest_start timestamptz not null,
    -- No free time can serve the wish that begins after `latest_start`, ends before this (turnaround left
    -- aside) or is shorter: what the index is asked, so that entries that cannot fit are not read.
    earliest_end timestamptz not null,
    least_minutes integer not null check (least_minutes > 0),
    -- Minor units; no offer costs more, or is in another currency.
    price_cap bigint check (price_cap > 0),
    price_cap_currency text,
    priority integer not null default 0,
    priority_reason text,
    state text not null default 'waiting'
        check (state in ('waiting', 'offered', 'fulfilled', 'lapsed', 'left', 'closed', 'blocked')),
    -- Offers that nobody answered since the entry was last at the tail by choice.
    missed integer not null default 0,
    -- Tells repetitions of the same news apart: grows when somebody joins again.
    turn integer not null default 0,
    booking_id uuid references booking,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint waitlist_entry_target check ((car_id is null) = (category is not null and branch_id is not null)),
    constraint waitlist_entry_cap check ((price_cap is null) = (price_cap_currency is null)),
    constraint waitlist_entry_wish check (
        case kind when 'window' then starts_at is not null and ends_at > starts_at and days is null
        else days is not null and starts_at is null and ends_at is null and min_days is null end
    )
);
create index waitlist_entry_customer on waitlist_entry (customer_id, created_at desc, id desc);
create index waitlist_entry_listing on waitlist_entry (created_at desc, id desc);
create index waitlist_entry_car on waitlist_entry using gist (car_id, latest_start, earliest_end, least_minutes)
    where state = 'waiting' and car_id is not null;
create index waitlist_entry_class on waitlist_entry using gist (branch_id, category, latest_start, earliest_end, least_minutes)
    where state = 'waiting' and car_id is null;
-- Who is ahead of somebody: all who wait for a car, or for a class at its branch, or think about an offer.
create index waitlist_entry_queue on waitlist_entry (car_id, branch_id) where state in ('waiting', 'offered');
create index waitlist_entry_closing on waitlist_entry (latest_start) where state in ('waiting', 'blocked');

-- Freed time that one person may take before anybody else, at a frozen price.
create table waitlist_offer (
    id uuid primary key,
    entry_id uuid not null references waitlist_entry,
    customer_id uuid not null references account,
    car_id uuid not null references car,
    branch_id uuid not null references branch,
    -- The customer's own dates; the hold in `reservation` adds the turnaround.
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    time_zone text not null,
    -- Whether it is exactly what was wished.
    exact boolean not null,
    quote json not null,
    total bigint not null,
    currency text not null,
    state text not null default 'offered' check (state in ('offered', 'accepted', 'declined', 'expired', 'revoked')),
    -- The last moment is outside: expired when `expires_at <= now()`.
    expires_at timestamptz not null,
    -- NULL when the queue made it; otherwise the member of staff who did.
    offered_by uuid references account,
    reason text,
    ended_at timestamptz,
    -- Checked at commit: the offer is taken first, the booking is written when it was in time.
    booking_id uuid references booking deferrable initially deferred,
    created_at timestamptz not null default now(),
    check (ends_at > starts_at),
    -- One live offer per person and overlapping time, whichever entry it answers.
    constraint waitlist_offer_person exclude using gist (
        customer_id with =, tstzrange(starts_at, ends_at) with &&
    ) where (state = 'offered')
);
create unique index waitlist_offer_live on waitlist_offer (entry_id) where state = 'offered';
create index waitlist_offer_entry on waitlist_offer (entry_id, created_at desc);
create index waitlist_offer_car on waitlist_offer (car_id) where state = 'offered';
create index waitlist_offer_booking on waitlist_offer (booking_id) where booking_id is not null;
create index waitlist_offer_expiry on waitlist_offer (expires_at) where state = 'offered';

alter table reservation
    -- Checked at commit, as for a booking.
    add column offer_id uuid references waitlist_offer deferrable initially deferred,
    add constraint reservation_offer check ((purpose = 'offer') = (offer_id is not null));
create unique index reservation_offer_hold on reservation (offer_id) where offer_id is not null;

alter table car add column waitlist_paused_at timestamptz;
alter table branch add column waitlist_paused_at timestamptz;
