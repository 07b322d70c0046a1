drop table damage_matrix, link, damage, derivative, photo, rental_return;
