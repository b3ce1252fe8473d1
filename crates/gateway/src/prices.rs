//! What tokens cost.

use std::collections::BTreeMap;

use crate::usage::Usage;

/// What a million tokens cost, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Tokens that are read, and were not in a cache.
    pub input: u64,
    /// Tokens that are written, the thoughts of the model among them.
    pub output: u64,
    /// Tokens that are read and put into a cache for five minutes. A cache for an hour costs 1.6 times that.
    pub cache_write: u64,
    /// Tokens that are read from a cache.
    pub cache_read: u64,
}

/// The list prices of the usual models, by the beginning of their names: input, output, cache write, cache read, each in US
/// cents per million tokens.
///
/// From the price lists of the three services (<https://docs.anthropic.com/en/docs/about-claude/pricing>,
/// <https://platform.openai.com/docs/pricing>, <https://ai.google.dev/gemini-api/docs/pricing>), as of May 2026: standard service, no batch,
/// no surcharge for long prompts. Where a list has no price for writing to a cache, that of input counts. The setting `pricing` goes before it.
const LIST: [(&str, [u64; 4]); 31] = [
    ("claude-3-haiku", [25, 125, 30, 3]),
    ("claude-3-5-haiku", [80, 400, 100, 8]),
    ("claude-3-5-sonnet", [300, 1500, 375, 30]),
    ("claude-3-7-sonnet", [300, 1500, 375, 30]),
    ("claude-3-opus", [1500, 7500, 1875, 150]),
    ("claude-haiku-4-5", [100, 500, 125, 10]),
    ("claude-sonnet-4", [300, 1500, 375, 30]),
    ("claude-opus-4", [1500, 7500, 1875, 150]),
    ("claude-opus-4-5", [500, 2500, 625, 50]),
    ("claude-opus-4-6", [500, 2500, 625, 50]),
    ("gpt-4o-mini", [15, 60, 15, 8]),
    ("gpt-4o", [250, 1000, 250, 125]),
    ("gpt-4.1", [200, 800, 200, 50]),
    ("gpt-4.1-mini", [40, 160, 40, 10]),
    ("gpt-4.1-nano", [10, 40, 10, 3]),
    ("gpt-5", [125, 1000, 125, 13]),
    ("gpt-5-mini", [25, 200, 25, 3]),
    ("gpt-5-nano", [5, 40, 5, 1]),
    ("gpt-5-pro", [1500, 12000, 1500, 1500]),
    ("gpt-5.1", [125, 1000, 125, 13]),
    ("gpt-5.2", [175, 1400, 175, 18]),
    ("gpt-5.2-pro", [2100, 16800, 2100, 2100]),
    ("gpt-5.3", [175, 1400, 175, 18]),
    ("gpt-5.4", [250, 1500, 250, 25]),
    ("gpt-5.4-mini", [75, 450, 75, 8]),
    ("gpt-5.5", [500, 3000, 500, 50]),
    ("o3", [200, 800, 200, 50]),
    ("gemini-2.5-pro", [125, 1000, 125, 13]),
    ("gemini-2.5-flash", [30, 250, 30, 3]),
    ("gemini-2.5-flash-lite", [10, 40, 10, 1]),
    ("gemini-3", [200, 1200, 200, 20]),
];

/// What makes a model of OpenAI's another, dearer one than its name's beginning says.
const DEARER: [&str; 2] = ["-pro", "-deep-research"];

/// A cent in millionths of a dollar.
const CENT: u64 = 10_000;

/// What each model costs: the configured prices, over those of the lists.
#[derive(Debug, Clone, Default)]
pub struct PriceList {
    configured: BTreeMap<String, Prices>,
}

/// What a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced {
    /// What it costs.
    pub prices: Prices,
    /// The prices are its own. Otherwise they are the dearest there are: what is not known is not cheap.
    pub known: bool,
}

impl PriceList {
    /// Prices by the beginning of a model's name. They go before those of the lists; among themselves the longest goes first.
    #[must_use]
    pub fn new(configured: BTreeMap<String, Prices>) -> Self {
        Self { configured }
    }

    /// What a model costs. A name like `provider/model` is looked for whole and without its beginning.
    #[must_use]
    pub fn of(&self, model: &str) -> Priced {
        let short = model.rsplit('/').next().unwrap_or(model);
        for name in [model, short] {
            let own = self.configured.iter().filter(|(start, _)| name.starts_with(start.as_str()));
            if let Some((_, prices)) = own.max_by_key(|(start, _)| start.len()) {
                return Priced { prices: *prices, known: true };
            }
        }
        let own = |start: &str| {
            let rest = short.strip_prefix(start);
            rest.is_some_and(|rest| start.starts_with("gemini") || DEARER.iter().all(|dearer| !rest.contains(dearer)))
        };
        let listed = LIST.iter().filter(|(start, _)| own(start));
        match listed.max_by_key(|(start, _)| start.len()) {
            Some((_, prices)) => Priced { prices: listed_prices(*prices), known: true },
            None => Priced { prices: self.dearest(), known: false },
        }
    }

    fn dearest(&self) -> Prices {
        let all = LIST.iter().map(|(_, prices)| listed_prices(*prices)).chain(self.configured.values().copied());
        all.fold(Prices { input: 0, output: 0, cache_write: 0, cache_read: 0 }, |a, b| Prices {
            input: a.input.max(b.input),
            output: a.output.max(b.output),
            cache_write: a.cache_write.max(b.cache_write),
            cache_read: a.cache_read.max(b.cache_read),
        })
    }
}

const fn listed_prices([input, output, cache_write, cache_read]: [u64; 4]) -> Prices {
    Prices {
        input: input * CENT,
        output: output * CENT,
        cache_write: cache_write * CENT,
        cache_read: cache_read * CENT,
    }
}

impl Prices {
    /// What was used costs so many millionths of a dollar, rounded up.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> i64 {
        let Usage { input, output, cache_write, cache_write_hour, cache_read } = *usage;
        // Twice the price of input, where five minutes are 1.25 times that: so a list of Anthropic's has it.
        let hour = u128::from(self.cache_write) * 8 / 5;
        let total = u128::from(input) * u128::from(self.input)
            + u128::from(output) * u128::from(self.output)
            + u128::from(cache_write) * u128::from(self.cache_write)
            + u128::from(cache_write_hour) * hour
            + u128::from(cache_read) * u128::from(self.cache_read);
        i64::try_from(total.div_ceil(1_000_000)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(price: u64) -> Prices {
        Prices { input: price, output: price, cache_write: price, cache_read: price }
    }

    #[test]
    fn the_longest_beginning_of_a_name_counts_and_what_is_configured_goes_first() {
        let list = PriceList::default();
        assert_eq!(list.of("claude-opus-4-1-20250805").prices.input, 15_000_000);
        assert_eq!(list.of("claude-opus-4-5-20251101").prices.input, 5_000_000);
        assert_eq!(list.of("gpt-5-mini").prices.output, 2_000_000);
        assert_eq!(list.of("openai/gpt-5-codex").prices.output, 10_000_000);
        assert_eq!(list.of("models/gemini-2.5-flash-lite").prices.input, 100_000);
        let own = [("claude-".to_owned(), flat(1)), ("claude-opus".to_owned(), flat(2)), ("own/m".to_owned(), flat(3))];
        let list = PriceList::new(own.into());
        assert_eq!(list.of("claude-sonnet-4-5").prices, flat(1));
        assert_eq!(list.of("claude-opus-4-5").prices, flat(2));
        assert_eq!(list.of("own/model").prices, flat(3));
    }

    #[test]
    fn an_unknown_model_is_as_dear_as_the_dearest() {
        let list = PriceList::default();
        let unknown = list.of("something-new");
        assert!(!unknown.known);
        assert_eq!((unknown.prices.input, unknown.prices.output), (21_000_000, 168_000_000));
        for dearer in ["o3-pro", "o3-deep-research-2025-06-26", "gpt-5.5-pro"] {
            assert!(!list.of(dearer).known, "{dearer} is another model than its beginning");
        }
        assert!(list.of("gpt-5.2-pro").known && list.of("gemini-3-pro-preview").known);
        let list = PriceList::new([("a".to_owned(), flat(999_000_000))].into());
        assert_eq!(list.of("something-new").prices, flat(999_000_000));
    }

    #[test]
    fn costs_are_exact_and_never_rounded_down() {
        let sonnet = PriceList::default().of("claude-sonnet-4-5").prices;
        let usage =
            Usage { input: 1_000, output: 200, cache_write: 1_000, cache_write_hour: 1_000, cache_read: 10_000 };
        // 0.003 + 0.003 + 0.00375 + 0.006 + 0.003
        assert_eq!(sonnet.cost(&usage), 18_750);
        assert_eq!(flat(1).cost(&Usage { input: 1, ..Usage::default() }), 1);
        assert_eq!(flat(u64::MAX).cost(&Usage { input: u64::MAX, ..Usage::default() }), i64::MAX);
    }
}
