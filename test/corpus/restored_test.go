package corpus

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/rewrite"
	"tidemark/sql/parse"
	"tidemark/test/trial"
)

// workersMax is how many workers a job has at most; each process has another
// number of them than the one before.
const workersMax = 3

// statelessKept is one in how many of the queries that keep nothing between rows
// are kept: a process to kill is dear, and they have little to lose.
const statelessKept = 3

// keptCase is a query that is kept as a stored table.
type keptCase struct {
	Name string // of the table
	SQL  string

	position string
	want     []string
	feeds    int // it is asked after so many
}

// keptScript is a script with the queries of it that are kept.
type keptScript struct {
	world *world
	cases []keptCase
}

func TestRestored(t *testing.T) {
	var count tally
	var scripts []*keptScript
	stateless := 0
	walk(t, func(t *testing.T, w *world, d *datadriven.TestData) string {
		if len(scripts) == 0 || scripts[len(scripts)-1].world != w {
			scripts = append(scripts, &keptScript{world: w})
		}
		s := scripts[len(scripts)-1]
		switch d.Cmd {
		case "define", "feed":
			_ = runEmbedded(t, w, d)
		case "query", "changes":
			reason, skip := notKept(w, d)
			if skip {
				count.skip(reason)
				break
			}
			if isStateless(w, d) {
				if stateless++; stateless%statelessKept != 1 {
					count.skip(fmt.Sprintf("keeps nothing between rows, of which one in %d is taken", statelessKept))
					break
				}
			}
			want, err := expectedRows(d.Cmd, d.Expected)
			if err != nil {
				w.fault(d, "%v", err)
				break
			}
			name := fmt.Sprintf("kept_%d", len(s.cases))
			s.cases = append(s.cases, keptCase{Name: name, SQL: d.Input, position: d.Pos, want: want, feeds: len(w.Feeds)})
		}
		return d.Expected
	})
	for _, s := range scripts {
		if len(s.cases) == 0 {
			continue
		}
		file, _, _ := strings.Cut(s.cases[0].position, ":")
		t.Run("kept/"+filepath.Base(file), func(t *testing.T) { keepThroughCrashes(t, s.world, s.cases) })
		count.checked += len(s.cases)
	}
	count.report(t)
}

// notKept gives the reason why a query is not kept as a stored table.
func notKept(w *world, d *datadriven.TestData) (reason string, is bool) {
	if reason, is = skipped(d, "restored"); is {
		return reason, true
	}
	if modeOf(d) == "batch" {
		return "only in batch mode", true
	}
	query, err := w.plan(d.Input)
	if err != nil {
		return err.Error(), true
	}
	reads := false
	plan.Inspect(query, func(n plan.Node) bool {
		_, scan := n.(*plan.Scan)
		reads = reads || scan
		return true
	})
	return "reads no table", !reads
}

// plan is the optimized plan of a query.
func (w *world) plan(text string) (plan.Node, error) {
	q, err := parse.Query(text)
	if err != nil {
		return nil, err
	}
	bound, err := bind.Query(w.Catalog, w.Session, q)
	if err != nil {
		return nil, err
	}
	return rewrite.Configure(bound.Plan, nil), nil
}

// isStateless reports whether a query makes each row of one row.
func isStateless(w *world, d *datadriven.TestData) bool {
	query, err := w.plan(d.Input)
	if err != nil {
		return false
	}
	stateless := true
	plan.Inspect(query, func(n plan.Node) bool {
		switch n.(type) {
		case *plan.Scan, *plan.Watermark, *plan.Filter, *plan.Project:
		default:
			stateless = false
		}
		return stateless
	})
	return stateless
}

// keepThroughCrashes keeps the cases of a script as stored tables in processes
// that are killed, one in each feed, and then compares what is stored.
func keepThroughCrashes(t *testing.T, w *world, all []keptCase) {
	dir := t.TempDir()
	workers := 0
	for fed := 1; fed <= len(w.Feeds); fed++ {
		var live, ending []keptCase
		for _, c := range all {
			if c.feeds >= fed {
				live = append(live, c)
			}
			if c.feeds == fed {
				ending = append(ending, c)
			}
		}
		if len(live) == 0 {
			break
		}
		workers = workers%workersMax + 1
		carryOut(t, order{Dir: dir, Definitions: w.Definitions, Cases: live, Feed: &w.Feeds[fed-1], KillAtOnce: fed%2 == 0, Parallelism: workers})
		if len(ending) == 0 {
			continue
		}
		workers = workers%workersMax + 1
		stored := carryOut(t, order{Dir: dir, Definitions: w.Definitions, Cases: ending, Parallelism: workers})
		for _, c := range ending {
			if diff := cmp.Diff(trial.Lines(c.want, false), trial.Lines(stored[c.Name], false)); diff != "" {
				t.Errorf("%s: other rows are stored after %d crashes (-want +got):\n%s", c.position, fed, diff)
			}
		}
	}
}

// carryOut runs an order in a process of its own. One with a feed must end by
// being killed; another gives the rows that are stored.
func carryOut(t *testing.T, o order) map[string][]string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, "order.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), orderVariable+"="+path)
	var errs strings.Builder
	child.Stderr = &errs
	out, err := child.Output()
	if o.Feed != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the process was to be killed, but: %v\n%s", err, errs.String())
		}
		return nil
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	stored := map[string][]string{}
	if err := json.Unmarshal(out, &stored); err != nil {
		t.Fatal(err)
	}
	return stored
}
