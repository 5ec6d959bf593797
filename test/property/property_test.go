// Package property compares random plans over random streams with DuckDB.
//
// It is not the corpus: there somebody chose the questions; and it is not
// flinkdiff, which asks a real Flink. It has no product code.
//
// Flow: a seed and a number make tables (streams with ties, repetitions, disorder
// and NULLs; changelogs) → they become a world of streams, and another one of the
// rows that are left in the end → plans of at most four operators are run over
// the first by the embedded engine, in streaming mode, with random sizes of
// batches, workers and times of showing changes, and over the second by DuckDB,
// through the gateway → the tables that both leave must be equal → a plan that
// differs is made smaller as long as it still differs, and printed as a script
// for test/corpus.
//
// A difference names its seed and number: -seed 7 -plan 1234 runs it again, alone.
// With -seed 7 -plans 100000 a run is longer.
//
// Invariants:
//  1. A case depends on nothing but the seed and its number.
//  2. An answer depends on nothing but the case: no order among rows that differ
//     and no late row has a part in it.
//  3. What is not compared is counted with its reason, and is little.
package property

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/test/trial"
)

// plansOfWorld is how many plans share their tables; triesMax how often a plan
// that differs is tried smaller; refusedMax how many percent need not be
// compared; differencesMax how many differences end a run.
const (
	plansOfWorld   = 100
	triesMax       = 400
	refusedMax     = 5
	differencesMax = 5
)

var (
	// A landing does not hang on chance: other plans are drawn on purpose.
	seedFlag  = flag.Uint64("seed", 1, "seed of the plans (0: of the clock)")
	plansFlag = flag.Int("plans", plansDefault, "how many plans to compare")
	planFlag  = flag.Int("plan", -1, "run only the plan with this number, and print it")
)

// tally counts what became of plans.
type tally struct {
	sync.Mutex
	compared, differ int
	refused          map[string]int // by reason
}

func (c *tally) refuse(reason string) {
	c.Lock()
	defer c.Unlock()
	c.refused[reason]++
}

func TestRandomPlans(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	count := &tally{refused: map[string]int{}}
	if *planFlag >= 0 {
		r := newRunner(t, seed, count)
		r.enter(*planFlag / plansOfWorld)
		fmt.Println(r.script(drawn(seed, *planFlag)))
		r.compare(*planFlag)
		return
	}
	fmt.Printf("%s: -seed %d\n", t.Name(), seed)
	workers := runtime.GOMAXPROCS(0)
	t.Run("plans", func(t *testing.T) {
		for worker := range workers {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				r := newRunner(t, seed, count)
				for world := worker; !r.enough(); world += workers {
					r.enter(world)
					for n := 0; n < plansOfWorld && !r.enough(); n++ {
						r.compare(world*plansOfWorld + n)
					}
				}
			})
		}
	})
	count.report(t)
}

// report prints the counts, and fails when too little was compared.
func (c *tally) report(t *testing.T) {
	var reasons []string
	refused := 0
	for reason, n := range c.refused {
		reasons, refused = append(reasons, fmt.Sprintf("%6d: %s", n, reason)), refused+n
	}
	slices.Sort(reasons)
	fmt.Printf("%s: %d plans compared, %d differ, %d refused\n", t.Name(), c.compared, c.differ, refused)
	for _, reason := range reasons {
		fmt.Println("    " + reason)
	}
	if c.compared < *plansFlag {
		t.Errorf("%d plans were compared, fewer than %d", c.compared, *plansFlag)
	}
	if 100*refused > refusedMax*(refused+c.compared) {
		t.Errorf("%d of %d plans were refused, more than %d %%", refused, refused+c.compared, refusedMax)
	}
}

// runner compares plans, one after the other.
type runner struct {
	t       *testing.T
	seed    uint64
	count   *tally
	tables  []*table
	streams *trial.World
	oracle  *trial.Oracle
}

func newRunner(t *testing.T, seed uint64, count *tally) *runner {
	return &runner{t: t, seed: seed, count: count, oracle: trial.NewOracle(t, trial.New())}
}

func (r *runner) enough() bool {
	r.count.Lock()
	defer r.count.Unlock()
	refused := 0
	for _, n := range r.count.refused {
		refused += n
	}
	return r.count.compared >= *plansFlag || r.count.differ >= differencesMax || refused > *plansFlag
}

// worldNumber tells worlds from plans, which have numbers from 0.
const worldNumber = 1 << 32

// enter makes the tables of a world.
func (r *runner) enter(world int) {
	r.tables = drawn(r.seed, worldNumber+world).inputs()
	rows, err := final(r.t.Context(), r.tables)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.streams, err = stream(r.t.Context(), r.tables); err != nil {
		r.t.Fatal(err)
	}
	r.oracle.Turn(rows)
}

// trial is a plan with a way of running it.
func (r *runner) trial(c *choices) (query string, s trial.Setting) {
	s = trial.Setting{Streaming: true, BatchRows: pick(c, 0, 1, 7), Parallelism: 1 + c.below(3), FlushBatches: pick(c, 0, 1, 2, 5), SpillBatches: pick(c, 0, 0, 0, 0, 0, 0, 0, 3)}
	p := &planner{choices: c, tables: r.tables}
	return p.statement(), s
}

// errRefused is that of a query which one of both has no answer for, by name.
var errRefused = errors.New("refused")

// difference compares the answers to a plan. It is "" when they are equal.
func (r *runner) difference(ctx context.Context, c *choices) (difference string, err error) {
	query, s := r.trial(c)
	want, err := r.oracle.Ask(ctx, query)
	if problem.Is(err, problem.Unsupported) {
		return "", fmt.Errorf("%w as a question: %s", errRefused, problem.Of(err).Message)
	}
	if err != nil {
		return "DuckDB: " + err.Error(), nil
	}
	answer, err := r.streams.Run(ctx, s, query)
	if problem.Is(err, problem.Unsupported) {
		return "", fmt.Errorf("%w by the engine: %s", errRefused, problem.Of(err).Message)
	}
	if err != nil {
		return "embedded: " + err.Error(), nil
	}
	got, err := answer.Rows()
	if err != nil {
		return "embedded: " + err.Error() + " in\n" + answer.Log(), nil
	}
	return cmp.Diff(trial.Lines(want, false), trial.Lines(got, false)), nil
}

// compare compares one plan, and makes it smaller if it differs.
func (r *runner) compare(number int) {
	c := drawn(r.seed, number)
	difference, err := r.difference(r.t.Context(), c)
	switch {
	case err != nil:
		r.count.refuse(err.Error())
	case difference == "":
		r.count.Lock()
		r.count.compared++
		r.count.Unlock()
	default:
		r.count.Lock()
		r.count.compared++
		r.count.differ++
		r.count.Unlock()
		kind, _, _ := strings.Cut(difference, ":")
		tape := shrink(c.made, func(tape []int) bool {
			smaller, err := r.difference(r.t.Context(), &choices{tape: tape})
			return err == nil && smaller != "" && strings.HasPrefix(smaller, kind) == strings.HasPrefix(difference, kind)
		})
		difference, _ = r.difference(r.t.Context(), &choices{tape: tape})
		r.t.Errorf("-seed %d -plan %d (-DuckDB +embedded):\n%s\nin the script\n%s", r.seed, number, difference, r.script(&choices{tape: tape}))
	}
}

// script is a case in the form of test/corpus.
func (r *runner) script(c *choices) string {
	query, s := r.trial(c)
	var out strings.Builder
	for _, t := range r.tables {
		if !strings.Contains(query, t.name+" ") && !strings.Contains(query, t.name+",") {
			continue
		}
		options := ""
		if t.file {
			options = format(" WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'debezium-json')", inputPath)
		}
		fmt.Fprintf(&out, "define\n%s----\n\nfeed %s\n%s----\n%d accepted\n\n", t.definition(t.key, options), t.name, lines(t.events), len(t.events))
	}
	fmt.Fprintf(&out, "# %s\nquery\n%s\n----\n", s, query)
	return out.String()
}
