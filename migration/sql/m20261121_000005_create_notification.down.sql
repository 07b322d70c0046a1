drop table decision_call;
drop table delivery, notification;
