package pipeline

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/rogpeppe/go-internal/txtar"

	"tidemark/base/problem"
	"tidemark/catalog"
	"tidemark/plan/bind"
	"tidemark/sql/dialect"
	"tidemark/store/meta"
	"tidemark/target"
)

// TestPipeline runs golden files. Their commands:
//
//	project [env=NAME]  files of a project → its statements in order, or what is wrong
//	deploy [env=NAME]   the same files, made true → what the target was asked for
//	execute             statements → results, and what the target was asked for
//	refuse TABLE        from now on the target keeps no such table; none: it keeps all
//	definitions         what the catalog holds
//	restart             a new pipeline loads what the old one's keeper has
func TestPipeline(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := newWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return w.run(t, d)
		})
	})
}

// world is a pipeline between a keeper and a target that only take notes.
type world struct {
	keeper   *notes
	target   *recorder
	catalog  *catalog.Catalog
	pipeline *Pipeline
}

func newWorld() *world {
	w := &world{keeper: &notes{}, target: &recorder{}}
	w.catalog = catalog.New(w.keeper)
	w.pipeline = New(w.catalog, w.target, time.UTC)
	return w
}

func (w *world) run(t *testing.T, d *datadriven.TestData) string {
	ctx := context.Background()
	var env string
	d.MaybeScanArgs(t, "env", &env)
	switch d.Cmd {
	case "project", "deploy":
		project, err := ReadProject(files(d.Input), env)
		if err != nil {
			return wrong(err)
		}
		if d.Cmd == "project" {
			return describeProject(ctx, project)
		}
		return outcome("", w.pipeline.Deploy(ctx, project), w.target)
	case "execute":
		results, err := w.pipeline.Execute(ctx, d.Input)
		var b strings.Builder
		for _, r := range results {
			fmt.Fprintf(&b, "%s: %s\n", strings.TrimSpace(r.Kind+" "+r.Name), map[bool]string{true: "changed", false: "as it was"}[r.Changed])
		}
		return outcome(b.String(), err, w.target)
	case "refuse":
		w.target.refused = ""
		if len(d.CmdArgs) > 0 {
			w.target.refused = d.CmdArgs[0].Key
		}
		return ""
	case "definitions":
		return w.catalog.String()
	case "restart":
		keeper := w.keeper
		*w = *newWorld()
		w.keeper = keeper
		w.catalog = catalog.New(keeper)
		w.pipeline = New(w.catalog, w.target, time.UTC)
		kept, err := catalog.ReadDocuments(ctx, keeper)
		if err != nil {
			return wrong(err)
		}
		return outcome("", w.pipeline.Load(ctx, kept).Err(), w.target)
	}
	t.Fatalf("there is no command %q", d.Cmd)
	return ""
}

func files(archive string) fs.FS {
	all := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		all[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return all
}

func describeProject(ctx context.Context, p *Project) string {
	var b strings.Builder
	fmt.Fprintf(&b, "project %s for %s\n", p.Name, p.Target)
	for _, name := range slices.Sorted(maps.Keys(p.Vars)) {
		fmt.Fprintf(&b, "var %s = %s\n", name, p.Vars[name])
	}
	if problems := p.Check(ctx, bind.Session{Zone: time.UTC}); len(problems) > 0 {
		return b.String() + wrong(problems)
	}
	ordered, _ := p.definitions()
	for _, d := range ordered {
		fmt.Fprintf(&b, "%s: %s\n", d.statement.Pos(), strings.Join(strings.Fields(dialect.Tidemark(d.statement)), " "))
	}
	return b.String()
}

func outcome(results string, err error, r *recorder) string {
	results += r.take()
	if err != nil {
		results += wrong(err)
	}
	return results
}

func wrong(err error) string {
	var b strings.Builder
	for _, p := range problem.All(err) {
		place := p.Position.String()
		if place != "" {
			place += ": "
		}
		fmt.Fprintf(&b, "%s%s [%s]\n", place, p.Message, p.Code)
		if p.Hint != "" {
			fmt.Fprintf(&b, "  Try: %s\n", p.Hint)
		}
	}
	return b.String()
}

// recorder is a target that notes what it is asked for.
type recorder struct {
	asked   strings.Builder
	refused string // a table that it does not keep
}

var _ target.Target = (*recorder)(nil)

func (r *recorder) Keep(_ context.Context, job target.Job) error {
	if job.Table.Name == r.refused {
		return problem.New(problem.Unsupported, "the target cannot keep %s", r.refused)
	}
	fmt.Fprintf(&r.asked, "keep %s", job.Table.Name)
	if len(job.Upstream) > 0 {
		fmt.Fprintf(&r.asked, " from %s", strings.Join(job.Upstream, ", "))
	}
	if job.Zone != time.UTC {
		fmt.Fprintf(&r.asked, " in %s", job.Zone)
	}
	names := make([]string, len(job.Plan.Schema()))
	for i, c := range job.Plan.Schema() {
		names[i] = c.Name
	}
	fmt.Fprintf(&r.asked, ": %s\n", strings.Join(names, ", "))
	return nil
}

func (r *recorder) Drop(_ context.Context, table string) error {
	fmt.Fprintf(&r.asked, "drop %s\n", table)
	return nil
}

func (r *recorder) Act(_ context.Context, table string, action target.Action) error {
	fmt.Fprintf(&r.asked, "%s %s\n", action, table)
	return nil
}

func (r *recorder) Jobs() []target.Status { return nil }

// take gives what was noted, and forgets it.
func (r *recorder) take() string {
	text := r.asked.String()
	r.asked.Reset()
	return text
}

// notes keeps definitions in memory, in no useful order.
type notes struct{ kept map[[2]string]string }

func (n *notes) Put(_ context.Context, kind, name, body string) (int, error) {
	if n.kept == nil {
		n.kept = map[[2]string]string{}
	}
	n.kept[[2]string{kind, name}] = body
	return 1, nil
}

func (n *notes) Delete(_ context.Context, kind, name string) error {
	delete(n.kept, [2]string{kind, name})
	return nil
}

func (n *notes) Change(ctx context.Context, all ...meta.Document) error {
	for _, d := range all {
		if d.Deleted {
			_ = n.Delete(ctx, d.Kind, d.Name)
		} else {
			_, _ = n.Put(ctx, d.Kind, d.Name, d.Body)
		}
	}
	return nil
}

func (n *notes) All(_ context.Context, kind string) ([]meta.Document, error) {
	var all []meta.Document
	for key, body := range n.kept {
		if key[0] == kind {
			all = append(all, meta.Document{Name: key[1], Body: body})
		}
	}
	slices.SortFunc(all, func(a, b meta.Document) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
