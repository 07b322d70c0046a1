drop table odometer_reading, reservation, booking, car;
drop extension btree_gist;
