drop view uncleared_return;
drop table damage_matrix, link, damage_case, damage, derivative, photo, rental_return;
