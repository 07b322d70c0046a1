drop table delivery, notification;
