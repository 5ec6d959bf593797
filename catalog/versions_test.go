package catalog

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/vfs"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql/parse"
	"tidemark/store/meta"
)

// versions prints what is known of a table, and what a new catalog that loads the
// keeper's documents knows of it.
func versions(t *testing.T, c *Catalog, keeper *meta.Store, name string) string {
	t.Helper()
	documents, err := ReadDocuments(t.Context(), keeper)
	if err != nil {
		t.Fatal(err)
	}
	loaded := New(nil)
	if wrong := loaded.LoadVersions(documents.Previous, documents.Next); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	show := func(c *Catalog) string {
		text := ""
		if v, ok := c.Previous(name); ok {
			text += fmt.Sprintf("previous %s %q", v.Table.StoredName(), v.Table.Zone)
		}
		if v, ok := c.Next(name); ok {
			text += fmt.Sprintf("next %s %s %s", v.Table.StoredName(), v.Because, v.Of)
		}
		return text
	}
	if diff := cmp.Diff(show(c), show(loaded)); diff != "" {
		t.Errorf("a start knows other versions: %s", diff)
	}
	return show(c)
}

func TestVersionsOfATable(t *testing.T) {
	ctx := t.Context()
	keeper, err := meta.Open(ctx, vfs.OS(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Close()
	c := New(keeper)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"CREATE TABLE t (a INT)", "CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT a FROM t", "CREATE MATERIALIZED TABLE r FRESHNESS = INTERVAL '1' SECOND AS SELECT a FROM m"} {
		s, err := parse.Statement(text)
		must(err)
		_, err = c.Apply(ctx, bind.Session{Config: map[string]string{ZoneSetting: "Asia/Tokyo"}, Streaming: true, Expand: true}, s)
		must(err)
	}
	expect := func(name, want string) {
		t.Helper()
		if diff := cmp.Diff(want, versions(t, c, keeper, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	stored := func(name, as string) *plan.Table {
		now, _ := c.Table(name)
		next := *now
		next.StoredAs = as
		return &next
	}
	must(c.Begin(ctx, Version{Table: stored("m", "m$2"), Because: Changes}))
	expect("m", "next m$2 change ")
	must(c.GiveUp(ctx, "m"))
	expect("m", "")
	must(c.Begin(ctx, Version{Table: stored("m", "m$2"), Because: Replays}))
	back, err := c.Swap(ctx, stored("m", "m$2"), []Version{{Table: stored("r", "r$2"), Because: Follows, Of: "m"}})
	must(err)
	expect("m", `previous m "Asia/Tokyo"`)
	expect("r", "next r$2 follow m")
	must(back(ctx))
	expect("m", "")
	expect("r", "")
	if now, _ := c.Table("m"); now.StoredName() != "m" {
		t.Errorf("m is stored as %s", now.StoredName())
	}
	_, err = c.Swap(ctx, stored("m", "m$2"), nil)
	must(err)
	must(c.DropPrevious(ctx, "m"))
	expect("m", "")
	_, err = c.Swap(ctx, stored("m", "m$3"), nil)
	must(err)
	_, err = c.Drop(ctx, "m", plan.Materialized, false)
	must(err)
	expect("m", "")
	if _, err := c.Swap(ctx, &plan.Table{Name: "m"}, nil); err == nil || errors.Is(err, ctx.Err()) {
		t.Errorf("a table that is not there was swapped: %v", err)
	}
}
