//! Calls that come at the same time are carried out together: what costs is the round trip and the
//! commit, and they are the same for one row as for fifty.
//!
//! Nobody waits for company: a call that finds nobody goes alone at once. While a group is under way the next one
//! gathers.

use std::time::Duration;

use jobs::let_others_come_along;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// How long a group may take: a database that is gone without a word would otherwise stop all that gather behind it.
const LONGEST: Duration = Duration::from_secs(10);

/// Groups that are under way at a time: while one waits for the disk and one for its program, the third one writes.
const AT_ONCE: usize = 3;

/// Where calls meet: `A` is what is asked, `B` the answer to it.
pub struct Gather<A, B> {
    asked: mpsc::Sender<Asked<A, B>>,
}

struct Asked<A, B> {
    call: A,
    answer: oneshot::Sender<B>,
}

impl<A: Send + 'static, B: Send + 'static> Gather<A, B> {
    /// Up to `most` calls form a group. `carry_out` answers the calls in their order, and leaves those without an
    /// answer that had better be made alone.
    pub fn start<F, Fut>(most: usize, carry_out: F) -> Self
    where
        F: Fn(Vec<A>) -> Fut + Send + 'static,
        Fut: Future<Output = Vec<Option<B>>> + Send + 'static,
    {
        Self::start_with(LONGEST, most, carry_out)
    }

    fn start_with<F, Fut>(longest: Duration, most: usize, carry_out: F) -> Self
    where
        F: Fn(Vec<A>) -> Fut + Send + 'static,
        Fut: Future<Output = Vec<Option<B>>> + Send + 'static,
    {
        let (asked, next) = mpsc::channel(most);
        tokio::spawn(form_groups(next, most, longest, carry_out));
        Self { asked }
    }

    /// The answer; `None` when the group came to nothing or left this call out.
    pub async fn call(&self, call: A) -> Option<B> {
        let (answer, answered) = oneshot::channel();
        self.asked.send(Asked { call, answer }).await.ok()?;
        answered.await.ok()
    }
}

async fn form_groups<A, B, F, Fut>(mut next: mpsc::Receiver<Asked<A, B>>, most: usize, longest: Duration, carry_out: F)
where
    A: Send + 'static,
    B: Send + 'static,
    F: Fn(Vec<A>) -> Fut,
    Fut: Future<Output = Vec<Option<B>>> + Send + 'static,
{
    let (mut group, mut under_way) = (Vec::new(), JoinSet::new());
    while !group.is_empty() || next.recv_many(&mut group, most).await > 0 {
        // A small group beside another one costs more than it hurries.
        let enough = if under_way.is_empty() { 1 } else { most.div_ceil(4) };
        if under_way.len() < AT_ONCE && group.len() >= enough {
            let_others_come_along(&mut next, &mut group, most).await;
            let group: Vec<Asked<A, B>> = std::mem::take(&mut group);
            let (calls, waiting): (Vec<A>, Vec<_>) = group.into_iter().map(|asked| (asked.call, asked.answer)).unzip();
            let answers = carry_out(calls);
            under_way.spawn(async move {
                match tokio::time::timeout(longest, answers).await {
                    Ok(answers) => answer(answers, waiting),
                    Err(_) => tracing::warn!("a group was given up after {longest:?}; its calls are made alone"),
                }
            });
            continue;
        }
        let room = most - group.len();
        tokio::select! {
            // However it ended: a panic ends its group and not the gathering.
            Some(_) = under_way.join_next() => {}
            _ = next.recv_many(&mut group, room), if room > 0 && !next.is_closed() => {}
        }
    }
}

fn answer<B>(answers: Vec<Option<B>>, waiting: Vec<oneshot::Sender<B>>) {
    for (answer, waiting) in answers.into_iter().zip(waiting) {
        if let Some(answer) = answer {
            // Whoever asked may have gone.
            let _ = waiting.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn calls_that_come_together_are_carried_out_together_and_each_gets_its_own_answer() {
        let gather = Gather::start(10, |calls: Vec<u32>| async move {
            let size = calls.len();
            calls.into_iter().map(|call| (call != 3).then_some((call * 2, size))).collect()
        });
        let answers = join_all((0..5).map(|call| gather.call(call))).await;
        assert_eq!(
            answers.iter().map(|answer| answer.map(|it| it.0)).collect::<Vec<_>>(),
            [Some(0), Some(2), Some(4), None, Some(8)]
        );
        assert!(answers.iter().flatten().any(|(_, size)| *size > 1), "{answers:?}");
    }

    #[tokio::test]
    async fn a_group_goes_when_nobody_comes_along_any_more() {
        let gather = Gather::start(10, |calls: Vec<usize>| async move { vec![Some(calls.len()); calls.len()] });
        let after = async |turns: usize| {
            for _ in 0..turns {
                yield_now().await;
            }
            gather.call(turns).await
        };
        assert_eq!(join_all((0..5).map(after)).await, [Some(5); 5]);
    }

    #[tokio::test]
    async fn a_second_group_starts_beside_the_first_when_it_is_large_enough() {
        let (begun, mut sizes) = mpsc::unbounded_channel();
        let (end, ended) = tokio::sync::watch::channel(false);
        let gather = std::sync::Arc::new(Gather::start(8, move |calls: Vec<u32>| {
            let (begun, mut ended) = (begun.clone(), ended.clone());
            async move {
                begun.send(calls.len()).unwrap();
                ended.wait_for(|ended| *ended).await.unwrap();
                calls.into_iter().map(Some).collect()
            }
        }));
        let call = |number| {
            let gather = gather.clone();
            tokio::spawn(async move { gather.call(number).await })
        };
        let mut calls = vec![call(0)];
        assert_eq!(sizes.recv().await, Some(1));
        calls.push(call(1));
        tokio::task::yield_now().await;
        assert!(sizes.try_recv().is_err(), "one alone waits for the group that is under way");
        calls.push(call(2));
        assert_eq!(sizes.recv().await, Some(2));
        calls.extend((3..13).map(call));
        end.send(true).unwrap();
        let answers = join_all(calls).await;
        assert_eq!(
            answers.into_iter().map(|answer| answer.unwrap()).collect::<Vec<_>>(),
            (0..13).map(Some).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn a_group_that_never_ends_is_given_up_and_others_are_carried_out() {
        let gather = Gather::start_with(Duration::from_millis(5), 4, |calls: Vec<u32>| async move {
            if calls.contains(&1) {
                std::future::pending::<()>().await;
            }
            calls.into_iter().map(Some).collect()
        });
        let stuck = join_all([1, 1, 1].map(|call| gather.call(call))).await;
        assert_eq!(stuck, [None, None, None]);
        assert_eq!(gather.call(2).await, Some(2));
    }

    #[tokio::test]
    async fn a_group_that_panics_answers_nobody_and_the_next_one_is_carried_out() {
        let gather = Gather::start(10, |calls: Vec<u32>| async move {
            assert!(!calls.contains(&1), "not this one");
            calls.into_iter().map(Some).collect()
        });
        assert_eq!(gather.call(1).await, None);
        assert_eq!(gather.call(2).await, Some(2));
    }
}
