package meta

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t *testing.T, s *Store, name, body string) int {
	t.Helper()
	v, err := s.Put(t.Context(), "table", name, body)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func bodies(t *testing.T, s *Store) []string {
	t.Helper()
	all, err := s.All(t.Context(), "table")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range all {
		out = append(out, d.Name+"="+d.Body)
	}
	return out
}

func TestVersionsCountAndSurvive(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if a, b, c := put(t, s, "t", "one"), put(t, s, "t", "one"), put(t, s, "t", "two"); a != 1 || b != 1 || c != 2 {
		t.Errorf("versions %d %d %d, want 1 1 2", a, b, c)
	}
	put(t, s, "gone", "x")
	if err := s.Delete(t.Context(), "table", "gone"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "table", "never there"); err != nil {
		t.Fatal(err)
	}
	if v := put(t, s, "gone", "x"); v != 3 {
		t.Errorf("a document that comes back is at version %d, want 3", v)
	}
	_ = s.Delete(t.Context(), "table", "gone")
	_ = s.Close()
	s = open(t, dir)
	if diff := cmp.Diff([]string{"t=two"}, bodies(t, s)); diff != "" {
		t.Error(diff)
	}
	history, err := s.History(t.Context(), "table", "gone")
	if err != nil || len(history) != 4 || !history[3].Deleted || history[2].Body != "x" {
		t.Errorf("%+v, %v", history, err)
	}
}

func TestWritersTogetherGetEveryNumberOnce(t *testing.T) {
	s := open(t, t.TempDir())
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 20 {
				if _, err := s.Put(t.Context(), "table", "t", strings.Repeat("x", w*20+i+1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	history, err := s.History(t.Context(), "table", "t")
	if err != nil || len(history) != 160 || history[159].Version != 160 {
		t.Errorf("%d versions, %v", len(history), err)
	}
}

func TestWrongFilesAndSizesAreProblems(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "meta.sqlite"), []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), vfs.OS(), dir); !problem.Is(err, problem.Corrupt) {
		t.Errorf("got %v", err)
	}
	if _, err := open(t, t.TempDir()).Put(t.Context(), "table", "t", strings.Repeat("x", bodyBytesMax+1)); !problem.Is(err, problem.TooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestAChangeOfSeveralIsWhole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "t", "one")
	put(t, s, "u", "one")
	whole := []Document{{Kind: "table", Name: "t", Body: "two"}, {Kind: "table", Name: "u", Deleted: true}, {Kind: "next", Name: "t", Body: "three"}}
	if err := s.Change(t.Context(), append(whole, Document{Kind: "table", Name: "v", Body: strings.Repeat("x", bodyBytesMax+1)})...); !problem.Is(err, problem.TooLarge) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"t=one", "u=one"}, bodies(t, s)); diff != "" {
		t.Errorf("after a change that was refused: %s", diff)
	}
	if err := s.Change(t.Context(), whole...); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	s = open(t, dir)
	if diff := cmp.Diff([]string{"t=two"}, bodies(t, s)); diff != "" {
		t.Error(diff)
	}
	if next, err := s.All(t.Context(), "next"); err != nil || len(next) != 1 || next[0].Body != "three" {
		t.Errorf("next is %v, %v", next, err)
	}
}
