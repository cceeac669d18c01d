//! Statistics against brute force and closed forms.

use crate::growth::stats::{MannKendall, median, theil_sen, variation};
use crate::growth::tiers;

/// Every order of 0 .. n.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(n - 1) {
        for at in 0..n {
            let mut longer = shorter.clone();
            longer.insert(at, n - 1);
            all.push(longer);
        }
    }
    all
}

fn inversions(values: &[usize]) -> usize {
    (0..values.len()).flat_map(|i| (i + 1..values.len()).map(move |j| (i, j))).filter(|&(i, j)| values[i] > values[j]).count()
}

#[test]
fn p_is_the_share_of_orders_that_rise_at_least_as_consistently() {
    let kendall = MannKendall::up_to(7);
    for n in 1..=7 {
        let all = permutations(n);
        let counts: Vec<usize> = all.iter().map(|order| inversions(order)).collect();
        for (order, &own) in all.iter().zip(&counts) {
            let at_most = counts.iter().filter(|&&other| other <= own).count();
            let expected = f64::from(u32::try_from(at_most).unwrap()) / f64::from(u32::try_from(all.len()).unwrap());
            assert!((kendall.p_rising(order) - expected).abs() < 1e-12, "{order:?}");
            let reversed: Vec<usize> = order.iter().rev().copied().collect();
            assert!((kendall.p_falling(&reversed) - expected).abs() < 1e-12, "{order:?} backwards");
        }
    }
}

#[test]
fn ties_count_half_an_inversion_rounded_up() {
    let kendall = MannKendall::up_to(4);
    // One tie: one inversion of 4 points, as many or fewer in 1 + 3 of 24 orders.
    assert!((kendall.p_rising(&[1, 2, 2, 3]) - 4.0 / 24.0).abs() < 1e-12);
    // Two ties: one inversion as well.
    assert!((kendall.p_rising(&[1, 1, 2, 2]) - 4.0 / 24.0).abs() < 1e-12);
    // All tied: 3 of 6 inversions, in 1 + 3 + 5 + 6 orders.
    assert!((kendall.p_rising(&[5, 5, 5, 5]) - 15.0 / 24.0).abs() < 1e-12);
}

#[test]
fn p_of_long_series_neither_overflows_nor_loses_its_symmetry() {
    let kendall = MannKendall::up_to(300);
    let rising: Vec<usize> = (0..300).collect();
    assert!(kendall.p_rising(&rising) < 1e-300);
    assert!((kendall.p_falling(&rising) - 1.0).abs() < 1e-9);
    let shuffled: Vec<usize> = (0..300).map(|i| (i * 137) % 300).collect();
    let (up, down) = (kendall.p_rising(&shuffled), kendall.p_falling(&shuffled));
    assert!(up + down > 1.0 && up + down < 1.01, "both hold the observed order itself");
    let least: f64 = (1..=12_u32).map(|k| 1.0 / f64::from(k)).product();
    assert!((kendall.p_least(12) / least - 1.0).abs() < 1e-12, "1 / 12!");
    let mut one_swap: Vec<usize> = (0..12).collect();
    one_swap.swap(3, 4);
    assert!((kendall.p_rising(&one_swap) / least - 12.0).abs() < 1e-9, "no inversion in 1 order, one in 11");
}

#[test]
fn medians_slopes_and_variation() {
    assert_eq!(median(&mut [3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
    assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]).to_bits(), 2.5_f64.to_bits());
    assert_eq!(median(&mut []).to_bits(), 0.0_f64.to_bits());
    assert_eq!(theil_sen(&[10, 13, 16, 1000, 22]).to_bits(), 3.0_f64.to_bits(), "one outlier does not move it");
    assert_eq!(theil_sen(&[9, 6, 3]).to_bits(), (-3.0_f64).to_bits());
    assert_eq!(variation(&[40, 40, 40]).to_bits(), 0.0_f64.to_bits());
    assert_eq!(variation(&[1, 3]).to_bits(), 0.5_f64.to_bits());
}

#[test]
fn names_have_the_tiers_of_the_table() {
    let cases = [
        (6, "object", "LeakyConn"),
        (6, "object", "Subchannel"),
        (5, "closure", "onPriceChange"),
        (4, "object", "IncomingMessage"),
        (4, "object", "WriteWrap"),
        (4, "object", "AbortController"),
        (3, "native", "Detached HTMLDivElement"),
        (3, "object", "dict (empty)"),
        (2, "object", "Map"),
        (2, "object", "unicode"),
        (2, "closure", ""),
        (2, "closure", "bound onData"),
        (2, "closure", "then"),
        (2, "code", "(shared function info)"),
        (2, "code", "code"),
        (2, "frame", "frame"),
        (6, "object", "frame"),
        (4, "collections.deque", "collections.deque"),
        (4, "_thread.lock", "_thread.lock"),
        (6, "psycopg2.Connection", "psycopg2.Connection"),
        (6, "ValidationFailed", "ValidationFailed"),
        (2, "HASH", "Hash"),
        (6, "object", "Range"),
        (2, "class", "java.util.HashMap$Node"),
        (1, "object", "Object"),
        (1, "object", "Array"),
        (1, "object", "system / Context"),
        (1, "native", "system / JSArrayBufferData"),
        (1, "native", "Node / Environment"),
        (0, "string", ""),
        (0, "array", "(object elements)"),
        (0, "hidden", "system / PropertyCell"),
        (0, "object shape", "system / Map"),
        (0, "code", "onPriceChange"),
    ];
    for (tier, kind, name) in cases {
        assert_eq!(tiers::tier(kind, name), tier, "{kind} {name}");
    }
}

#[test]
fn tables_are_sorted_for_the_binary_search() {
    for table in tiers::TABLES {
        assert!(table.is_sorted(), "{table:?}");
    }
}
