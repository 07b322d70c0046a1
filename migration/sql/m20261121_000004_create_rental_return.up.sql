create table rental_return (
    id uuid primary key,
    booking_id uuid not null unique references booking,
    car_id uuid not null references car,
    state text not null,
    opened_by uuid not null references account,
    opened_at timestamptz not null default now(),
    -- Who brought the car back, or took it back, whoever opened the return.
    completed_by uuid references account,
    -- The server's time of completion; what a photo claims is only a claim.
    returned_at timestamptz,
    odometer_km integer,
    fuel double precision check (fuel between 0 and 1),
    late_minutes integer,
    -- Why staff completed it without photos; flagged for ever.
    without_photos_reason text,
    -- The assembled report (findings, warnings, verdict), once every photo is in.
    report jsonb,
    reported_at timestamptz,
    decision_due_at timestamptz,
    verdict text check (verdict in ('clear', 'damage', 'more_photos')),
    decision jsonb,
    decided_by uuid references account,
    decided_at timestamptz,
    released_at timestamptz,
    -- When the renter was asked, once, to take blurred or dark photos again; NULL once the return is complete.
    retake_advised_at timestamptz,
    -- How often better photos were asked for.
    turn integer not null default 0,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index rental_return_listing on rental_return (created_at desc, id desc);
create index rental_return_state on rental_return (state, decision_due_at);
create index rental_return_uncleared on rental_return (car_id) where released_at is null;

-- Returned is not yet available: until when a car that is back waits for a person, at the latest.
create view uncleared_return as
    select id, car_id, coalesce(decision_due_at, returned_at) as due_at
    from rental_return where returned_at is not null and released_at is null and state <> 'decided';

create table photo (
    id uuid primary key,
    booking_id uuid not null references booking,
    return_id uuid references rental_return,
    car_id uuid not null references car,
    occasion text not null check (occasion in ('pickup', 'return')),
    slot text not null check (slot in ('front', 'back', 'left', 'right')),
    -- A second upload to a slot is a new version; nothing is overwritten.
    version integer not null,
    -- The turn of the return when it was taken in.
    turn integer not null default 0,
    state text not null check (state in ('awaiting', 'received', 'accepted', 'refused')),
    refusal text,
    refusal_detail text,
    object_key text not null unique,
    content_type text,
    size bigint,
    -- What the client said it would upload, when it said so.
    declared_sha256 bytea,
    sha256 bytea,
    width integer,
    height integer,
    exif jsonb,
    taken_at timestamptz,
    warnings text[] not null default '{}',
    -- What copies of an accepted photo share, however compressed: a difference hash of 64 bits.
    fingerprint bigint,
    uploaded_by uuid not null references account,
    ip text,
    user_agent text,
    created_at timestamptz not null default now(),
    received_at timestamptz,
    -- When its small copies were made, or why there can be none.
    derived_at timestamptz,
    derive_failure text,
    -- What the detector saw: model, thresholds, raw boxes. NULL until it ran or gave up.
    analysis jsonb,
    analysis_failure text,
    analysed_at timestamptz,
    -- Of a photo of the return: how it lies over older photos of the side, and which other slots show the same view.
    comparison jsonb,
    unique (booking_id, occasion, slot, version)
);
create index photo_return on photo (return_id) where return_id is not null;
-- Not unique: the rule that a picture is used once is decided in the worker, which can say so in words.
create index photo_sha256 on photo (sha256) where sha256 is not null;

create table derivative (
    photo_id uuid not null references photo,
    variant text not null check (variant in ('160', '640', '1600')),
    object_key text not null,
    width integer not null,
    height integer not null,
    size integer not null,
    source_sha256 bytea not null,
    created_at timestamptz not null default now(),
    primary key (photo_id, variant)
);

-- The known-damage register of a car.
create table damage (
    id uuid primary key,
    car_id uuid not null references car,
    side text not null,
    panel text,
    class text not null,
    severity text not null,
    -- {x, y, width, height} relative to the upright photo.
    region jsonb,
    note text,
    estimate bigint,
    return_id uuid references rental_return,
    photo_id uuid references photo,
    recorded_by uuid references account,
    created_at timestamptz not null default now(),
    repaired_at timestamptz
);
create index damage_car on damage (car_id) where repaired_at is null;
create index damage_return on damage (return_id) where return_id is not null;

-- The question of the damage of one return, from the model's candidates or a person's word to its end.
create table damage_case (
    id uuid primary key,
    return_id uuid not null unique references rental_return,
    booking_id uuid not null references booking,
    car_id uuid not null references car,
    branch_id uuid not null references branch,
    customer_id uuid not null references account,
    state text not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    -- What a person confirmed: [{number, side, panel, class, severity, note, estimate, region, photoId}].
    items jsonb not null default '[]',
    -- Minor units: the sum of what was confirmed, and what is asked for now. It never grows.
    estimate bigint not null default 0 check (estimate >= 0),
    amount bigint not null default 0 check (amount between 0 and estimate),
    -- What the person wrote who confirmed or dismissed it.
    note text,
    decided_by uuid references account,
    decided_at timestamptz,
    notified_at timestamptz,
    -- Until when the customer may dispute it.
    respond_by timestamptz,
    dispute text,
    -- What they sent with it: [{id, contentType, size, sha256, width, height, exif, takenAt, receivedAt, ip, userAgent}].
    dispute_photos jsonb not null default '[]' check (jsonb_array_length(dispute_photos) <= 5),
    disputed_at timestamptz,
    -- How staff answered the dispute, or let it go.
    settlement text,
    settled_by uuid references account,
    settled_at timestamptz,
    settled_as text check (settled_as in ('upheld', 'reduced', 'waived')),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (state not in ('notified', 'accepted', 'disputed', 'upheld', 'reduced', 'charged') or respond_by is not null)
);
create index damage_case_listing on damage_case (created_at desc, id desc);
create index damage_case_state on damage_case (state, created_at desc, id desc);
create index damage_case_customer on damage_case (customer_id, created_at desc, id desc);

-- A link in a mail: 256 random bits, only their hash is kept.
create table link (
    hash bytea primary key,
    scope text not null check (scope in ('review', 'offer', 'entry', 'damage')),
    subject_id uuid not null,
    account_id uuid not null references account,
    expires_at timestamptz not null,
    used_at timestamptz,
    created_at timestamptz not null default now()
);
create index link_subject on link (scope, subject_id);
create index link_expiry on link (expires_at);

-- What damage usually costs; each replacement is a new version, and decisions name the one they were made with.
create table damage_matrix (
    version integer primary key check (version > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    -- [{panel?, class, severity, amount}], amounts in minor units.
    lines jsonb not null,
    -- NULL is what the platform came with.
    replaced_by uuid references account,
    created_at timestamptz not null default now()
);
-- Something to begin with: plausible, and to be replaced by what the house's own workshops charge.
insert into damage_matrix (version, currency, lines) values (1, 'EUR', '[
    {"class": "scratch", "severity": "cosmetic", "amount": 0},
    {"class": "scratch", "severity": "minor", "amount": 18000},
    {"class": "scratch", "severity": "moderate", "amount": 35000},
    {"class": "dent", "severity": "cosmetic", "amount": 0},
    {"class": "dent", "severity": "minor", "amount": 22000},
    {"class": "dent", "severity": "moderate", "amount": 45000},
    {"class": "crack", "severity": "cosmetic", "amount": 0},
    {"class": "crack", "severity": "minor", "amount": 20000},
    {"class": "crack", "severity": "moderate", "amount": 40000},
    {"class": "glass_shatter", "severity": "moderate", "amount": 45000},
    {"class": "glass_shatter", "severity": "severe", "amount": 60000},
    {"class": "lamp_broken", "severity": "moderate", "amount": 40000},
    {"class": "lamp_broken", "severity": "severe", "amount": 60000},
    {"class": "tire_flat", "severity": "severe", "amount": 18000},
    {"class": "broken", "severity": "moderate", "amount": 45000},
    {"class": "broken", "severity": "severe", "amount": 90000},
    {"class": "missing_part", "severity": "minor", "amount": 15000},
    {"class": "missing_part", "severity": "moderate", "amount": 40000},
    {"panel": "bumper", "class": "scratch", "severity": "minor", "amount": 12000},
    {"panel": "bumper", "class": "scratch", "severity": "moderate", "amount": 25000},
    {"panel": "mirror", "class": "broken", "severity": "moderate", "amount": 25000},
    {"panel": "wheel", "class": "scratch", "severity": "minor", "amount": 9000},
    {"panel": "glass", "class": "crack", "severity": "minor", "amount": 9000}
]');
