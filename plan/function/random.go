package function

import (
	"math/rand/v2"
	"sync"

	"github.com/google/uuid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// Random numbers. With a constant seed they are those of java.util.Random, as
// in Flink, one after the other for all rows that one kernel sees.

var randomFunction = define(plan.Function{
	Name: "RAND", Category: "math", Volatile: true,
	Signatures: []string{"RAND() → DOUBLE", "RAND(seed) → DOUBLE"},
	Doc:        "A random number from 0 up to, but not, 1. With the same seed the sequence is the same.",
	DuckDB:     "random()", Flink: "RAND($*)",
},
	form{result: always(value.DoubleType), eval: kernel(func(_ *plan.Context, _ []*batch.Column, out *batch.Column) error {
		for i := range out.Floats {
			out.Floats[i] = rand.Float64()
		}
		return nil
	})},
	form{params: []parameter{integer}, result: returns(value.DoubleType), eval: func(*call) plan.Kernel {
		var g generator
		return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			return eachRow(out, func(i int) error {
				out.Floats[i] = g.float(args[0].Ints[i])
				return nil
			})
		}
	}})

var randomIntegerFunction = define(plan.Function{
	Name: "RAND_INTEGER", Category: "math", Volatile: true,
	Signatures: []string{"RAND_INTEGER(bound) → INT", "RAND_INTEGER(seed, bound) → INT"},
	Doc:        "A random integer from 0 up to, but not, the bound. With the same seed the sequence is the same.",
	DuckDB:     "", Flink: "RAND_INTEGER($*)",
},
	form{params: []parameter{integer}, result: returns(value.IntType), eval: kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			bound := args[0].Ints[i]
			if bound <= 0 {
				return invalid("the bound of RAND_INTEGER must be above 0, not %d", bound)
			}
			out.Ints[i] = rand.Int64N(bound)
			return nil
		})
	})},
	form{params: []parameter{integer, integer}, result: returns(value.IntType), eval: func(*call) plan.Kernel {
		var g generator
		return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			return eachRow(out, func(i int) error {
				bound := args[1].Ints[i]
				if bound <= 0 {
					return invalid("the bound of RAND_INTEGER must be above 0, not %d", bound)
				}
				out.Ints[i] = g.integer(args[0].Ints[i], int32(bound))
				return nil
			})
		}
	}})

var uuidFunction = define(plan.Function{
	Name: "UUID", Category: "math", Volatile: true,
	Signatures: []string{"UUID() → CHAR(36)"},
	Doc:        "A random universally unique identifier (version 4).",
	DuckDB:     "CAST(uuid() AS VARCHAR)", Flink: "UUID()",
}, form{result: always(value.CharOf(36)), eval: kernel(func(_ *plan.Context, _ []*batch.Column, out *batch.Column) error {
	for i := range out.Views {
		out.SetString(i, uuid.NewString())
	}
	return nil
})})

// generator is a linear congruential generator that starts over when the seed
// changes.
type generator struct {
	mu struct { // kernels of one overload may run in several goroutines
		sync.Mutex
		started bool
		seed    int64
		state   uint64
	}
}

const (
	lcgMultiplier = 0x5DEECE66D
	lcgMask       = 1<<48 - 1
)

// bits gives the next random bits, as many as asked for. mu is held.
func (g *generator) bits(n uint) int64 {
	g.mu.state = (g.mu.state*lcgMultiplier + 0xB) & lcgMask
	return int64(int32(g.mu.state >> (48 - n)))
}

func (g *generator) start(seed int64) {
	if !g.mu.started || g.mu.seed != seed {
		g.mu.started, g.mu.seed = true, seed
		g.mu.state = (uint64(seed) ^ lcgMultiplier) & lcgMask
	}
}

func (g *generator) float(seed int64) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.start(seed)
	return float64(g.bits(26)<<27+g.bits(27)) / (1 << 53)
}

func (g *generator) integer(seed int64, bound int32) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.start(seed)
	if bound&-bound == bound {
		return int64(bound) * g.bits(31) >> 31
	}
	for {
		n := int32(g.bits(31))
		rest := n % bound
		if n-rest+(bound-1) >= 0 { // no overflow: n is not in the last, partial range
			return int64(rest)
		}
	}
}
