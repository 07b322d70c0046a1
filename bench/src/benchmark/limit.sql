-- What PostgreSQL does for requests and for bookings, with nothing around it: the rows that the platform writes, of about
-- their size (by eye), made by the server itself. No request is read, nothing is decided, and no value is sent.
create sequence id cache 1000;
create sequence turn;

-- Ids grow, as ours do.
create function next_id() returns uuid language sql volatile as $$
    select lpad(to_hex(nextval('id')), 32, '0')::uuid
$$;

-- Customers and cars have the numbers that `ground.rs` gives them.
create function customer(number bigint) returns uuid language sql immutable as $$
    select lpad(to_hex(65536 + number % 32), 32, '0')::uuid
$$;

create function car(number bigint) returns uuid language sql immutable as $$
    select lpad(to_hex(131072 + number % 500), 32, '0')::uuid
$$;

create function accept(size integer) returns void language sql volatile as $$
    insert into job (id, queue, kind, payload, principal, idempotency_key, request_hash, max_attempts, reply_to, traceparent, request_id)
    select next_id(), 'booking', 'request_booking',
           '{"booking_id": "019ac000-0000-7000-8000-000000000000", "car_id": "00000000-0000-0000-0000-000000020000",
             "customer_id": "00000000-0000-0000-0000-000000010000", "start": "2026-12-01T00:00:00Z",
             "end": "2026-12-01T02:00:00Z", "join_waitlist": null}',
           customer(n), nextval('id')::text, sha256('request'), 8, '019ac000000070008000000000000000',
           '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '019ac000000070008000000000000000'
    from generate_series(1, size) n
$$;

-- As a worker does it with a group: claim, lock the cars, take their time, book, announce, end.
create function book(size integer) returns integer language plpgsql as $$
declare
    claimed uuid[];
    bookings uuid[];
    first bigint := (nextval('turn') - 1) * size;
    day timestamptz := date_trunc('day', now()) + interval '2 days';
    home uuid := (select id from branch limit 1);
begin
    with due as (
        select id from job where queue = 'booking' and state = 'ready' and crashes < 2 and run_at <= clock_timestamp()
        order by priority desc, run_at, id limit size for update skip locked
    ), running as (
        update job set state = 'running', attempt = attempt + 1, fence = fence + 1, worker = 'limit',
                       lease_until = clock_timestamp() + interval '30 seconds'
        where id in (select id from due) returning id
    )
    select array_agg(id), array_agg(next_id()) into claimed, bookings from running;
    size := coalesce(cardinality(claimed), 0);

    perform from car where id = any (array(select car(first + n) from generate_series(1, size) n)) order by id for update;
    insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
    select next_id(), 'car', car(first + n), day + (first + n) / 500 * interval '3 hours',
           day + (first + n) / 500 * interval '3 hours' + interval '150 minutes', 'booking', bookings[n]
    from generate_series(1, size) n on conflict do nothing;
    insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote, total, currency, plate)
    select bookings[n], 'BK-' || first + n, car(first + n), customer(n), home, day + (first + n) / 500 * interval '3 hours',
           day + (first + n) / 500 * interval '3 hours' + interval '2 hours', 'UTC', 'Confirmed',
           '{"days": 1, "lines": [{"what": "rental", "amount": {"amount": 4900, "currency": "EUR"}}], "total": {"amount": 4900, "currency": "EUR"}}',
           4900, 'EUR', 'B-1'
    from generate_series(1, size) n;
    insert into job (id, queue, kind, payload, max_attempts, dedupe_key)
    select next_id(), 'notify', 'announce',
           '{"news": "booking_confirmed", "turn": 0, "subject_id": "019ac000-0000-7000-8000-000000000000"}', 8,
           'booking_confirmed/' || bookings[n] || '/0'
    from generate_series(1, size) n;
    update job set state = 'done', lease_until = null, finished_at = clock_timestamp(), outcome =
           '{"result": "done", "document": {"id": "019ac000-0000-7000-8000-000000000000", "number": "BK-000000", "status": "Confirmed",
             "carId": "00000000-0000-0000-0000-000000020000", "plate": "B-1", "startDate": "2026-12-01T00:00:00Z",
             "endDate": "2026-12-01T02:00:00Z", "timeZone": "UTC", "total": {"amount": 4900, "currency": "EUR"}, "version": 1,
             "quote": {"days": 1, "lines": [{"what": "rental", "amount": {"amount": 4900, "currency": "EUR"}}],
                       "total": {"amount": 4900, "currency": "EUR"}}, "createdAt": "2026-11-29T00:00:00Z"}}'
    where id = any (claimed);
    return size;
end $$;
