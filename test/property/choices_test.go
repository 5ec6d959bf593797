package property

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// choices are what a random case is made of: numbers, drawn from a seed or read
// from a tape. With a tape that is shorter or smaller the case is simpler: the
// first alternative is always the plainest.
type choices struct {
	random *rand.Rand // nil: behind the tape's end everything is 0
	tape   []int
	made   []int
}

func drawn(seed uint64, number int) *choices {
	return &choices{random: rand.New(rand.NewPCG(seed, uint64(number)))}
}

// below is a number from 0 to n-1.
func (c *choices) below(n int) int {
	chosen := 0
	switch at := len(c.made); {
	case at < len(c.tape):
		chosen = c.tape[at] % n
	case c.random != nil:
		chosen = c.random.IntN(n)
	}
	c.made = append(c.made, chosen)
	return chosen
}

// chance is true in so many of 100 cases.
func (c *choices) chance(percent int) bool { return c.below(100) >= 100-percent }

func pick[T any](c *choices, from ...T) T { return from[c.below(len(from))] }

// some gives a few of the choices in their order, at least one.
func some[T any](c *choices, most int, from ...T) []T {
	n := 1 + c.below(min(most, len(from)))
	var chosen []T
	for i, f := range from {
		if left := len(from) - i; c.below(left) < n-len(chosen) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// shrink looks for a shorter or smaller tape with which the case still fails.
func shrink(tape []int, fails func(tape []int) bool) []int {
	tries := triesMax
	accept := func(candidate []int) bool {
		if tries == 0 {
			return false
		}
		tries--
		if !fails(candidate) {
			return false
		}
		tape = candidate
		return true
	}
	for smaller := true; smaller && tries > 0; {
		smaller = false
		for size := 16; size > 0; size /= 2 {
			for at := len(tape) - size; at >= 0; at-- {
				if at+size <= len(tape) && accept(append(append([]int{}, tape[:at]...), tape[at+size:]...)) {
					smaller = true
				}
			}
		}
		for at := range tape {
			if at < len(tape) && tape[at] > 0 {
				zero := append([]int{}, tape...)
				zero[at] = 0
				smaller = accept(zero) || smaller
			}
		}
	}
	return tape
}

func list(parts ...string) string { return strings.Join(parts, ", ") }

func format(text string, arguments ...any) string { return fmt.Sprintf(text, arguments...) }
