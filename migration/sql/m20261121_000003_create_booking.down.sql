drop table odometer_reading, booking_change, reservation, booking, car;
drop extension btree_gist;
