drop table link, damage, derivative, photo, rental_return;
