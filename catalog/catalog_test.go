package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql/parse"
	"tidemark/store/meta"
)

// keeper notes what it is asked to keep, and fails when told to.
type keeper struct {
	asked []string
	err   error
}

func (k *keeper) Put(_ context.Context, kind, name, _ string) (int, error) {
	if k.err == nil {
		k.asked = append(k.asked, fmt.Sprintf("put %s %s", kind, name))
	}
	return 1, k.err
}

func (k *keeper) Delete(_ context.Context, kind, name string) error {
	if k.err == nil {
		k.asked = append(k.asked, fmt.Sprintf("delete %s %s", kind, name))
	}
	return k.err
}

func (k *keeper) Change(ctx context.Context, all ...meta.Document) error {
	for _, d := range all {
		if d.Deleted {
			_ = k.Delete(ctx, d.Kind, d.Name)
		} else {
			_, _ = k.Put(ctx, d.Kind, d.Name, d.Body)
		}
	}
	return k.err
}

// TestDefinitions runs golden files. Their commands:
//
//	apply    statements → what each changed, and what the keeper was asked for
//	catalog  all that there is
func TestDefinitions(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		k := &keeper{}
		c := New(k)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "catalog":
				return c.String() + strings.Join(c.Functions(), "\n")
			case "apply":
				return apply(t, c, d.Input) + take(k)
			}
			t.Fatalf("there is no command %q", d.Cmd)
			return ""
		})
	})
}

func apply(t *testing.T, c *Catalog, script string) string {
	statements, wrong := parse.Script("", script)
	if err := wrong.Err(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range statements {
		change, err := c.Apply(context.Background(), bind.Session{Zone: time.UTC, Streaming: true, Expand: true, Config: map[string]string{}}, s)
		switch {
		case err != nil:
			for _, p := range problem.All(err) {
				fmt.Fprintf(&b, "%s: %s [%s]", p.Position, p.Message, p.Code)
				if p.Hint != "" {
					fmt.Fprintf(&b, " (%s)", p.Hint)
				}
			}
		case change.Created:
			fmt.Fprintf(&b, "created %s %s", change.What, change.Name)
			if change.Before != nil {
				b.WriteString(" in place of another")
			}
			if change.Table != nil {
				for _, system := range SystemTables(change.Table) {
					if !Stored(change.Table) {
						continue
					}
					if _, err := c.Create(context.Background(), system, Replace); err != nil {
						t.Fatal(err)
					}
				}
			}
		case change.Dropped:
			fmt.Fprintf(&b, "dropped %s %s", change.What, change.Name)
		default:
			fmt.Fprintf(&b, "left %s %s", change.What, change.Name)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func take(k *keeper) string {
	text := ""
	for _, line := range k.asked {
		text += "  " + line + "\n"
	}
	k.asked = nil
	return text
}

func TestKeeperIsAskedFirst(t *testing.T) {
	ctx, full := context.Background(), errors.New("no room")
	k := &keeper{}
	c := New(k)
	if _, err := c.Create(ctx, &plan.Table{Name: "t", Definition: "first"}, Refuse); err != nil {
		t.Fatal(err)
	}
	k.err = full
	if _, err := c.Create(ctx, &plan.Table{Name: "t", Definition: "second"}, Replace); !errors.Is(err, full) {
		t.Errorf("replace gave %v", err)
	}
	if _, err := c.Create(ctx, &plan.Table{Name: "u"}, Refuse); !errors.Is(err, full) {
		t.Errorf("create gave %v", err)
	}
	if _, err := c.Drop(ctx, "t", plan.Native, false); !errors.Is(err, full) {
		t.Errorf("drop gave %v", err)
	}
	if got, ok := c.Table("t"); !ok || got.Definition != "first" {
		t.Errorf("the catalog has %+v, which the keeper does not", got)
	}
	if diff := cmp.Diff([]string{"t"}, c.Names()); diff != "" {
		t.Error(diff)
	}
}

func TestTemporaryAndSystemTablesAreNotKept(t *testing.T) {
	ctx, k := context.Background(), &keeper{}
	c := New(k)
	for _, table := range []*plan.Table{{Name: "passing", Temporary: true}, {Name: "t$late", Kind: plan.System}} {
		if _, err := c.Create(ctx, table, Refuse); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Drop(ctx, "passing", plan.Native, false); err != nil {
		t.Fatal(err)
	}
	if len(k.asked) > 0 {
		t.Errorf("the keeper was asked: %v", k.asked)
	}
}

func TestLimits(t *testing.T) {
	ctx := context.Background()
	c := New(nil)
	for _, test := range []struct {
		table *plan.Table
		code  problem.Code
	}{
		{&plan.Table{Name: ""}, problem.InvalidRequest},
		{&plan.Table{Name: strings.Repeat("n", nameBytesMax)}, ""},
		{&plan.Table{Name: strings.Repeat("n", nameBytesMax+1)}, problem.InvalidRequest},
		{&plan.Table{Name: "wide", Columns: make([]plan.TableColumn, columnsMax)}, ""},
		{&plan.Table{Name: "too_wide", Columns: make([]plan.TableColumn, columnsMax+1)}, problem.TooLarge},
		{&plan.Table{Name: "t$late"}, problem.InvalidRequest},
		{&plan.Table{Name: "tidemark.jobs"}, problem.InvalidRequest},
		{&plan.Table{Name: "tidemark"}, ""},
	} {
		_, err := c.Create(ctx, test.table, Refuse)
		if got := problem.Of(err); test.code == "" && err != nil || test.code != "" && (got == nil || got.Code != test.code) {
			t.Errorf("table %.20q with %d columns: %v, want %q", test.table.Name, len(test.table.Columns), err, test.code)
		}
	}
	for i := len(c.Names()); i < tablesMax; i++ {
		if _, err := c.Create(ctx, &plan.Table{Name: fmt.Sprintf("t%d", i)}, Refuse); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Create(ctx, &plan.Table{Name: "one_more"}, Refuse); !problem.Is(err, problem.TooLarge) {
		t.Errorf("one table too many: %v", err)
	}
	if changed, err := c.Create(ctx, &plan.Table{Name: "wide", Definition: "narrower"}, Replace); err != nil || !changed {
		t.Errorf("a full catalog takes a new version: %v, %v", changed, err)
	}
}

func TestSystemTables(t *testing.T) {
	names := func(t *plan.Table) (all []string) {
		for _, s := range SystemTables(t) {
			all = append(all, s.Name)
		}
		return all
	}
	for _, test := range []struct {
		table *plan.Table
		want  []string
	}{
		{&plan.Table{Name: "t", Kind: plan.Native}, []string{"t$progress", "t$quarantine"}},
		{&plan.Table{Name: "t", Kind: plan.Native, Options: map[string]string{"quarantine": "off"}}, []string{"t$progress"}},
		{&plan.Table{Name: "t", Kind: plan.Materialized}, []string{"t$progress", "t$late"}},
	} {
		if diff := cmp.Diff(test.want, names(test.table)); diff != "" {
			t.Error(diff)
		}
	}
	var stored []string
	for _, table := range append(SystemTables(&plan.Table{Name: "t", Kind: plan.Native}), &plan.Table{Name: "v", Kind: plan.View}, &plan.Table{Name: "x", Kind: plan.External}, &plan.Table{Name: "m", Kind: plan.Materialized}) {
		if Stored(table) {
			stored = append(stored, table.Name)
		}
	}
	if want := []string{"t$quarantine", "m"}; !slices.Equal(stored, want) {
		t.Errorf("stored are %v, want %v", stored, want)
	}
}

func TestUndo(t *testing.T) {
	ctx := context.Background()
	c := New(nil)
	first := &plan.Table{Name: "t", Definition: "first"}
	if err := c.Undo(ctx, Change{Name: "t", Table: first}); err != nil {
		t.Errorf("undo of what is not there: %v", err)
	}
	if _, err := c.Create(ctx, first, Refuse); err != nil {
		t.Fatal(err)
	}
	second := &plan.Table{Name: "t", Definition: "second"}
	if _, err := c.Create(ctx, second, Replace); err != nil {
		t.Fatal(err)
	}
	if err := c.Undo(ctx, Change{Name: "t", Before: first, Table: second}); err != nil {
		t.Fatal(err)
	}
	if got, _ := c.Table("t"); got != first {
		t.Errorf("after undo the table is %+v", got)
	}
	if err := c.Undo(ctx, Change{Name: "t", Table: first}); err != nil || len(c.Names()) != 0 {
		t.Errorf("undo of a new table left %v (%v)", c.Names(), err)
	}
}

// TestDefinitionKeepsTTL: a table made under the setting has it as its option, so
// that it means the same when it is read again without.
func TestDefinitionKeepsTTL(t *testing.T) {
	c := New(nil)
	for _, one := range []struct{ statement, setting, want string }{
		{"CREATE TABLE t (id BIGINT)", "1 h", ""},
		{"CREATE MATERIALIZED TABLE m AS SELECT id, COUNT(*) AS n FROM t GROUP BY id", "1 h", "'state-ttl' = '1 h'"},
		{"CREATE MATERIALIZED TABLE o WITH ('state-ttl' = '5 s') AS SELECT id, COUNT(*) AS n FROM t GROUP BY id", "1 h", "'state-ttl' = '5 s'"},
		{"CREATE MATERIALIZED TABLE p AS SELECT id, COUNT(*) AS n FROM t GROUP BY id", "", ""},
	} {
		statement, err := parse.Statement(one.statement)
		if err != nil {
			t.Fatal(err)
		}
		session := bind.Session{Zone: time.UTC, Streaming: true, Expand: true, Config: map[string]string{}}
		if one.setting != "" {
			session.Config[bind.TTLSetting] = one.setting
		}
		change, err := c.Apply(t.Context(), session, statement)
		if err != nil {
			t.Fatal(err)
		}
		definition := change.Table.Definition
		if !strings.Contains(definition, one.want) || strings.Count(definition, bind.TTLOption) != min(len(one.want), 1) {
			t.Errorf("%s is kept as %s", one.statement, definition)
		}
		if change.Job == nil {
			continue
		}
		rebound, err := c.Rebind(bind.Session{Zone: time.UTC, Streaming: true, Expand: true, Config: map[string]string{}}, change.Table)
		if err != nil {
			t.Fatal(err)
		}
		if was, is := plan.Print(change.Job.Plan), plan.Print(rebound.Plan); was != is {
			t.Errorf("%s is read again as another plan: %s, then %s", one.statement, was, is)
		}
	}
}
