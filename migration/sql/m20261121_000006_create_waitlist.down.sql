alter table branch drop column waitlist_paused_at;
alter table car drop column waitlist_paused_at;
alter table reservation drop column offer_id;
drop table waitlist_offer, waitlist_entry;
drop sequence waitlist_seq;
