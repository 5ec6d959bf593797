// Package draw is a pseudo-random sequence in which everything that is made up
// owns a place: event n of a seed is the same whoever draws it, and from
// wherever the drawing starts.
//
// It is not for secrets.
//
// Flow: At places a Sequence at the draws of one thing → Next and Below draw.
//
// Invariants:
//  1. The same seed and place give the same draws, in every release: answers
//     elsewhere are pinned to them.
package draw

import "math/bits"

// golden is the step of SplitMix64: a counter stepped by a constant and hashed
// on the way out, so that it can begin anywhere at no cost.
const golden = 0x9E3779B97F4A7C15

// Sequence gives draws, one after the other.
type Sequence struct{ counter uint64 }

// From begins at a seed.
func From(seed uint64) Sequence { return Sequence{seed} }

// At begins at the draws of thing n, each of which owns width draws of the seed.
func At(seed uint64, n int64, width uint64) Sequence {
	return Sequence{seed + uint64(n)*width*golden}
}

// Mix hashes a number, so that seeds next to each other have nothing in common.
func Mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Next draws 64 bits.
func (s *Sequence) Next() uint64 {
	s.counter += golden
	return Mix(s.counter)
}

// Below draws a number in [0, n).
func (s *Sequence) Below(n int) int {
	high, _ := bits.Mul64(s.Next(), uint64(n))
	return int(high)
}

// Below64 is Below for 64-bit ranges.
func (s *Sequence) Below64(n int64) int64 {
	high, _ := bits.Mul64(s.Next(), uint64(n))
	return int64(high)
}
