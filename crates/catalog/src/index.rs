//! An inverted index: for each word, the texts it is in and how much it weighs there.

use std::collections::HashMap;

/// How many entries a search reads at most once it has read some: the words are read from rare to common, and the
/// common ones of a large collection tell little.
const MOST_READ: usize = 4_000;

/// The entries of one word.
#[derive(Debug, Default)]
struct Postings {
    idf: f64,
    texts: Vec<(u32, f64)>,
}

/// Texts by their words.
#[derive(Debug, Default)]
pub(crate) struct Index {
    words: HashMap<String, Postings>,
    texts: usize,
}

impl Index {
    /// An index of these texts, each with the weights of its words, by stem. `idf` says how telling a word is that
    /// is in so many of all texts.
    pub(crate) fn new<'a, W>(idf: fn(usize, usize) -> f64, texts: impl IntoIterator<Item = W>) -> Self
    where
        W: IntoIterator<Item = (&'a String, f64)>,
    {
        let mut index = Self::default();
        for (at, words) in (0_u32..).zip(texts) {
            index.texts += 1;
            for (stem, weight) in words {
                index.words.entry(stem.clone()).or_default().texts.push((at, weight));
            }
        }
        let all = index.texts;
        for postings in index.words.values_mut() {
            postings.idf = idf(all, postings.texts.len());
        }
        index
    }

    /// How telling a word is; one that is nowhere tells nothing.
    pub(crate) fn idf(&self, stem: &str) -> f64 {
        self.words.get(stem).map_or(0.0, |postings| postings.idf)
    }

    /// Multiplies each entry by what `factor` makes of its text.
    pub(crate) fn scale(&mut self, factor: impl Fn(u32) -> f64) {
        for postings in self.words.values_mut() {
            postings.texts.iter_mut().for_each(|(at, weight)| *weight *= factor(*at));
        }
    }

    /// The sum over `query` of weight × weight, for each text that shares a word with it. `scores` is scratch space.
    pub(crate) fn search<'q>(&self, query: impl IntoIterator<Item = (&'q str, f64)>, scores: &mut Scores) {
        scores.begin(self.texts);
        let mut wanted: Vec<_> =
            query.into_iter().filter_map(|(stem, weight)| Some((stem, weight, self.words.get(stem)?))).collect();
        wanted.sort_by(|(a, _, one), (b, _, two)| one.texts.len().cmp(&two.texts.len()).then_with(|| a.cmp(b)));
        let mut read = 0;
        for (_, weight, postings) in wanted {
            if read > 0 && read + postings.texts.len() > MOST_READ {
                break;
            }
            read += postings.texts.len();
            postings.texts.iter().for_each(|(at, own)| scores.add(*at, weight * own));
        }
    }
}

/// How telling a word is: nothing where every text has it.
#[expect(clippy::cast_precision_loss, reason = "counts of texts are small")]
pub(crate) fn plain_idf(all: usize, with: usize) -> f64 {
    (all as f64 / with.max(1) as f64).ln()
}

/// How telling a word is, by BM25: a little even where every text has it.
#[expect(clippy::cast_precision_loss, reason = "counts of texts are small")]
pub(crate) fn smooth_idf(all: usize, with: usize) -> f64 {
    let (all, with) = (all as f64, with as f64);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// Scores of texts, kept between searches to spare their memory.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    all: Vec<f64>,
    touched: Vec<u32>,
}

impl Scores {
    fn begin(&mut self, texts: usize) {
        for at in self.touched.drain(..) {
            if let Some(score) = self.all.get_mut(at as usize) {
                *score = 0.0;
            }
        }
        self.all.resize(texts, 0.0);
    }

    fn add(&mut self, at: u32, amount: f64) {
        if let Some(score) = self.all.get_mut(at as usize) {
            if *score == 0.0 {
                self.touched.push(at);
            }
            *score += amount;
        }
    }

    /// The texts with a score.
    pub(crate) fn found(&self) -> impl Iterator<Item = (usize, f64)> {
        self.touched.iter().filter_map(|at| Some((*at as usize, *self.all.get(*at as usize)?)))
    }
}
