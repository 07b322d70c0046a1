mod words;

use jobs::notify::{News, SendMail};
use rules::{
    booking::BookingStatus,
    rental::{ReturnState, Verdict},
    waitlist::{EntryState, OfferState},
};
use uuid::Uuid;
use view::rental::Report;

use super::{
    digest,
    facts::{Facts, Newcomer, Rental, Returned},
    notice::notice,
    render, sample,
    side::Pictures,
    thread,
};
use crate::mailer::Mail;

/// One story for every news.
fn facts(news: News, name: &str) -> Facts {
    let booking = |booking| Facts::Booking(Box::new(sample::rental(booking, name)));
    let returned = |returned| Facts::Return(Box::new(returned));
    let decided = |state, verdict| Returned {
        state,
        verdict: Some(verdict),
        note: vec!["Thank you for the photos.".to_owned()],
        ..sample::returned(Report::default())
    };
    let entry = |entry| Facts::Entry(Box::new(sample::waiting(&entry, name)));
    let offer = |state, entry| Facts::Offer(Box::new(sample::offered(state, &entry, name)));
    match news {
        News::AccountRegistered => Facts::Account(Newcomer { id: sample::CUSTOMER, role: None, added_by: None }),
        News::BookingConfirmed => booking(sample::booking()),
        News::BookingCancelled => booking(sample::ended(BookingStatus::Cancelled)),
        News::BookingNoShow => booking(sample::ended(BookingStatus::NoShow)),
        News::BookingMoved => Facts::Booking(Box::new(sample::moved(name))),
        News::BookingChanged | News::ConflictUnresolved => {
            let booking = sample::changed(BookingStatus::Confirmed, name);
            Facts::Booking(Box::new(Rental { conflict: Some(0), ..booking }))
        }
        News::ReturnDueSoon => {
            let ends = sample::when("2026-05-07T11:30");
            Facts::Booking(Box::new(Rental { ends, ..sample::changed(BookingStatus::Active, name) }))
        }
        News::ReturnOverdue | News::CarOverdue | News::OverdueEscalated => {
            Facts::Booking(Box::new(sample::changed(BookingStatus::Active, name)))
        }
        News::ReturnReceived | News::ReturnReported | News::DecisionDue | News::DecisionOverdue => {
            returned(sample::returned(sample::report()))
        }
        News::ReturnCleared => returned(decided(ReturnState::Decided, Verdict::Clear)),
        News::DamageConfirmed => returned(sample::damaged()),
        News::DamageUntold => returned(sample::untold()),
        News::DamageDisputed => returned(sample::disputed()),
        News::DamageSettled => returned(sample::settled()),
        News::PhotosWanted => returned(decided(ReturnState::AwaitingPhotos, Verdict::MorePhotos)),
        News::WaitlistJoined | News::FinalCall => entry(sample::entry(EntryState::Waiting)),
        News::WaitlistLapsed => entry(sample::asap(EntryState::Lapsed)),
        News::WaitlistClosed => entry(sample::entry(EntryState::Closed)),
        News::OfferMade => offer(OfferState::Offered, sample::entry(EntryState::Offered)),
        News::OfferReminder => offer(OfferState::Offered, sample::asap(EntryState::Offered)),
        News::OfferExpired => offer(OfferState::Expired, sample::entry(EntryState::Waiting)),
        News::OfferDeclined => offer(OfferState::Declined, sample::entry(EntryState::Waiting)),
        News::OfferRevoked => offer(OfferState::Revoked, sample::entry(EntryState::Waiting)),
    }
}

/// Every photo of the return but that of its front, whose copy was lost.
fn pictures() -> Pictures {
    let lost = sample::photo(rules::rental::Occasion::Return, rules::rental::Slot::Front);
    let shots = sample::returned(Report::default()).shots;
    shots.iter().filter(|shot| shot.id != lost).map(|shot| (shot.id, vec![0xff, 0xd8])).collect()
}

fn mailed() -> impl Iterator<Item = News> {
    News::ALL.iter().copied().filter(|news| news.is_mailed())
}

fn mail(news: News) -> Mail {
    let mut recipient = sample::recipient(pictures());
    if !news.asks_for_decision() {
        recipient.review = None;
    }
    render::mail(news, &facts(news, "Kim Example"), &recipient).unwrap()
}

fn report(report: Report) -> Mail {
    let facts = Facts::Return(Box::new(sample::returned(report)));
    render::mail(News::ReturnReported, &facts, &sample::recipient(pictures())).unwrap()
}

/// What a mail shows; its style is the same in all and looked at by people.
fn shown(mail: &Mail) -> String {
    let body = mail.html.split("<body>").nth(1).unwrap();
    let attachment = mail.attachment.as_ref().map(|file| file.body.replace("\r\n", "\n")).unwrap_or_default();
    format!("Subject: {}\n\n{}\n=====\n{body}\n=====\n{attachment}", mail.subject, mail.text)
}

#[test]
fn every_news_has_its_mail() {
    for news in mailed() {
        insta::assert_snapshot!(news.as_str(), shown(&mail(news)));
    }
}

#[test]
fn every_mail_is_complete_in_both_forms_and_needs_nothing_from_elsewhere() {
    for news in mailed() {
        let mail = mail(news);
        for text in [&mail.html, &mail.text] {
            assert!(!text.contains("{{") && !text.contains("null"), "{}", news.as_str());
        }
        let links: Vec<_> = mail.html.match_indices("src=\"").map(|(at, _)| &mail.html[at..at + 9]).collect();
        assert!(links.iter().all(|link| *link == "src=\"cid:"), "{links:?}");
        assert_eq!(links.len(), mail.inline.len(), "{}: every picture is shown and comes along", news.as_str());
        assert!(mail.html.len() < 100_000, "clients cut off what is longer");
        let own =
            ["review", "offer", "waitlist", "damage"].map(|page| format!("https://rental.example.com/{page}/TOKEN"));
        let unstyled = own.iter().fold(mail.html.clone(), |html, link| html.replace(link, ""));
        assert!(!unstyled.contains("http://") && !unstyled.contains("https://"), "{}", news.as_str());
    }
}

#[test]
fn what_people_typed_stays_text() {
    let evil = "Eve <script>alert(1)</script>\r\nBcc: all@example.com\u{202e}";
    for news in mailed() {
        let recipient = render::Recipient { name: evil.to_owned(), ..sample::recipient(pictures()) };
        let mut facts = facts(news, evil);
        if let Facts::Booking(rental) = &mut facts {
            rental.car = format!("VW {evil}");
        }
        if let Facts::Return(returned) = &mut facts {
            returned.rental.car = format!("VW {evil}");
            returned.note = vec![evil.to_owned()];
        }
        let mail = render::mail(news, &facts, &recipient).unwrap();
        assert!(!mail.html.contains("<script>"), "{}", news.as_str());
        assert!(!mail.subject.chars().any(char::is_control), "{}", mail.subject);
        assert!(!mail.text.lines().any(|line| line.starts_with("Bcc:")), "{}", mail.text);
        assert!(!mail.html.contains('\u{202e}') && !mail.subject.contains('\u{202e}'));
        let notice = notice(news, &facts);
        assert!(!notice.message.chars().any(char::is_control), "{}", notice.message);
    }
}

#[test]
fn the_subject_of_a_report_says_the_verdict() {
    let without_marks = Report { findings: vec![], ..sample::report() };
    let failed = Report { not_analysed: Some("no model is installed".to_owned()), ..without_marks.clone() };
    assert_eq!(
        report(sample::report()).subject,
        "[Return][REVIEW] ABC-123 VW Golf – 2 possible new marks – next rental 18:00"
    );
    assert_eq!(report(without_marks).subject, "[Return][CLEAR?] ABC-123 VW Golf – nothing found – next rental 18:00");
    assert_eq!(
        report(failed).subject,
        "[Return][NOT ANALYSED] ABC-123 VW Golf – no model is installed – next rental 18:00"
    );
}

#[test]
fn glass_lamps_and_tyres_make_a_report_urgent() {
    let mut broken = sample::report();
    broken.findings[0].class = "lamp_broken".to_owned();
    let mail = report(broken);
    assert!(mail.subject.starts_with("URGENT [Return][REVIEW]"), "{}", mail.subject);
    assert!(mail.text.starts_with("URGENT. The model sees 2 possible new marks"), "{}", mail.text);
}

#[test]
fn a_report_without_analysis_says_so_and_why_in_both_forms() {
    let mail = report(Report { not_analysed: Some("the model file is broken".to_owned()), ..Report::default() });
    for text in [&mail.html, &mail.text] {
        assert!(text.contains("NOT ANALYSED: the model file is broken."), "{text}");
        assert!(text.contains("because the photos were not analysed"));
        assert!(!text.contains("nothing found"), "nobody looked, so nobody found nothing");
    }
}

#[test]
fn a_report_shows_its_parts_in_the_order_in_which_they_are_needed() {
    let mail = mail(News::ReturnReported);
    let parts = [
        "The model sees 2 possible new marks",
        "ABC-123",
        "Kim Example, +•• •• ••••567",
        "late by 1 h 25 min",
        "Left",
        "neither the pick-up photo nor the register shows it",
        "Front, bumper: scratch, cosmetic",
        "The photo of the right side is dark.",
        "BK-2M4N6P",
        "https://rental.example.com/review/TOKEN",
        "Robin Example",
    ];
    for text in [&mail.html.split("<body>").nth(1).unwrap().split_once("</div>").unwrap().1.to_owned(), &mail.text] {
        let mut rest = text.as_str();
        for part in parts {
            rest = rest.split_once(part).unwrap_or_else(|| panic!("{part} is missing or out of order in {text}")).1;
        }
    }
    assert!(mail.html.contains("left, return: 1 dent, score 0.48; 1 scratch, score 0.71"), "{}", mail.html);
}

#[test]
fn news_that_is_no_longer_so_is_not_told() {
    let now = sample::at("2026-05-07T09:40");
    let cancelled = Facts::Booking(Box::new(sample::rental(sample::ended(BookingStatus::Cancelled), "Kim Example")));
    assert!(cancelled.outdated(News::BookingConfirmed, 0, now).is_some());
    assert!(cancelled.outdated(News::BookingCancelled, 0, now).is_none());
    let decided = Facts::Return(Box::new(sample::damaged()));
    assert!(decided.outdated(News::ReturnReported, 0, now).is_some());
    assert!(decided.outdated(News::ReturnCleared, 0, now).is_some());
    let offered = facts(News::OfferMade, "Kim Example");
    assert!(
        offered.outdated(News::OfferMade, 0, sample::at("2026-05-07T13:40")).is_some(),
        "the last moment is outside"
    );
    assert!(offered.outdated(News::OfferExpired, 0, now).is_some());
    for news in News::ALL.iter().copied() {
        assert_eq!(facts(news, "Kim Example").outdated(news, 0, now), None, "{}", news.as_str());
    }
}

#[test]
fn a_report_is_told_while_it_is_the_one_to_decide_on() {
    let now = sample::at("2026-05-07T09:40");
    let stands = |news, state, turn| {
        let returned = Returned { state, turn, ..sample::returned(sample::report()) };
        Facts::Return(Box::new(returned)).outdated(news, 1, now).is_none()
    };
    for news in [News::ReturnReported, News::DecisionDue, News::DecisionOverdue] {
        assert!(stands(news, ReturnState::Reported, 1));
        assert!(!stands(news, ReturnState::Inspecting, 1), "{}: nobody has looked yet", news.as_str());
        assert!(!stands(news, ReturnState::Reported, 2), "{}: it is about older photos", news.as_str());
    }
    assert!(stands(News::DecisionOverdue, ReturnState::AwaitingPhotos, 1));
    assert!(!stands(News::ReturnReported, ReturnState::AwaitingPhotos, 1));
}

#[test]
fn later_mails_of_a_return_follow_the_first() {
    let facts = facts(News::ReturnReported, "Kim Example");
    let Facts::Return(returned) = &facts else { unreachable!() };
    let mail = |turn| SendMail { news: News::ReturnReported, subject_id: returned.id, turn, account_id: sample::ADMIN };
    let first = thread::message_id(&mail(0), "example.com");
    assert_eq!(first, format!("return_reported.{}.0.{}@example.com", returned.id, sample::ADMIN));
    assert!(thread::before(&mail(0), &facts, "example.com").is_empty());
    assert_eq!(thread::before(&mail(1), &facts, "example.com"), [first]);
    let cleared = SendMail { news: News::ReturnCleared, account_id: sample::CUSTOMER, ..mail(0) };
    assert_eq!(thread::before(&cleared, &facts, "example.com").len(), 2, "the booking, then its return");
}

#[test]
fn a_cancellation_takes_the_same_event_out_of_the_calendar() {
    let uid = |news| {
        let body = mail(news).attachment.unwrap().body;
        body.lines().find(|line| line.starts_with("UID:")).unwrap().to_owned()
    };
    assert_eq!(uid(News::BookingConfirmed), uid(News::BookingCancelled));
    assert_eq!(uid(News::BookingConfirmed), format!("UID:booking-{}@example.com", Uuid::from_u128(0xb)));
}

#[test]
fn an_offer_says_what_differs_until_when_it_holds_and_where_to_answer() {
    let mail = mail(News::OfferMade);
    for text in [&mail.html, &mail.text] {
        for part in [
            "It starts 1 day 2 h later: you wished for Fri 8 May 2026, 10:00 CEST.",
            "It is 1 day 2 h shorter than you wished.",
            "until",
            "Thu 7 May 2026, 15:40 CEST",
            "120.00 EUR",
            "https://rental.example.com/offer/TOKEN",
            "https://rental.example.com/waitlist/TOKEN",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(!text.contains("exactly the dates"));
    }
}

#[test]
fn who_wished_for_a_car_as_soon_as_it_is_free_is_not_told_of_dates() {
    let golf = sample::entry(EntryState::Offered).car_id;
    let soon = sample::asap(EntryState::Offered);
    let entry = entity::waitlist_entry::Model { car_id: golf, category: None, branch_id: None, ..soon };
    let offer = Facts::Offer(Box::new(sample::offered(OfferState::Offered, &entry, "Kim Example")));
    for text in said(News::OfferMade, &offer) {
        assert!(text.contains("You wished for it as soon as it is free, and now it is."), "{text}");
        assert!(!text.contains("dates you wished"), "{text}");
    }
}

/// The words of a mail in both forms, however its lines are broken.
fn said(news: News, facts: &Facts) -> [String; 2] {
    let mail = render::mail(news, facts, &sample::recipient(pictures())).unwrap();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    [words(&mail.text), words(mail.html.split("<body>").nth(1).unwrap())]
}

#[test]
fn an_offer_that_has_ended_says_how_things_stand_now() {
    for (news, state) in [(News::OfferExpired, OfferState::Expired), (News::OfferRevoked, OfferState::Revoked)] {
        for (entry, words) in [
            (EntryState::Waiting, "place"),
            (EntryState::Offered, "e hold a car for you once more. The newer mail says which, and until when."),
            (EntryState::Closed, "You do not wait for it any more."),
        ] {
            let offer = Facts::Offer(Box::new(sample::offered(state, &sample::entry(entry), "Kim Example")));
            for text in said(news, &offer) {
                assert!(text.contains(words), "{entry}: {text}");
                let over = text.contains("do not wait for it any more");
                assert_eq!(over, entry == EntryState::Closed, "{entry}: {text}");
            }
        }
    }
}

#[test]
fn what_the_house_could_not_keep_is_its_fault_in_the_mails_too() {
    let ended = sample::ended(BookingStatus::Cancelled);
    let refund = Some(ended.total);
    let free = entity::booking::Model { house_fault: true, cancel_fee: Some(0), refund, ..ended };
    for text in said(News::BookingCancelled, &Facts::Booking(Box::new(sample::rental(free, "Kim Example")))) {
        assert!(text.contains("we are sorry: we have no car for you"), "{text}");
        assert!(text.contains("We had no car for you: everything is refunded."), "{text}");
    }
    let mut rental = sample::changed(BookingStatus::Confirmed, "Kim Example");
    rental.before.as_mut().unwrap().by_house = true;
    for text in said(News::BookingChanged, &Facts::Booking(Box::new(rental))) {
        assert!(text.contains("a day costs no more than we had agreed"), "{text}");
    }
}

#[test]
fn a_car_that_only_waits_to_be_cleared_is_not_called_missing() {
    let rental = Rental { is_withheld: true, ..sample::changed(BookingStatus::Confirmed, "Kim Example") };
    let facts = Facts::Booking(Box::new(rental));
    for text in said(News::ConflictUnresolved, &facts) {
        assert!(text.contains("is back, but nobody has cleared it. Please clear it, or call"), "{text}");
        assert!(!text.contains("not back"), "{text}");
    }
}

#[test]
fn a_booking_that_came_from_the_waitlist_says_so() {
    let rental = super::facts::Rental { waited: true, ..sample::rental(sample::booking(), "Kim Example") };
    let mail = render::mail(News::BookingConfirmed, &Facts::Booking(Box::new(rental)), &sample::recipient(pictures()));
    assert!(mail.unwrap().text.contains("you waited for it and accepted our offer"));
}

#[test]
fn a_digest_lists_every_return_with_its_verdict_and_its_own_link() {
    let returned = sample::returned(sample::report());
    let now = sample::recipient(Pictures::new()).now;
    let link = |token: &str| format!("https://rental.example.com/review/{token}");
    let entries = [
        digest::told(News::ReturnReported, &returned, link("ONE"), now),
        digest::told(News::DecisionOverdue, &sample::returned(Report::default()), link("TWO"), now),
    ];
    insta::assert_snapshot!("return_digest", shown(&digest::mail("Kim Example", &entries).unwrap()));
}
