package olap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// TestFlippedBitsOfTheFile inverts bits all over the database. The file is put
// aside, or whoever reads a damaged block is told so and other tables go on, or
// the answer is the right one.
func TestFlippedBitsOfTheFile(t *testing.T) {
	const rows = 30_000
	dir := t.TempDir()
	s := openStore(t, dir)
	other := counts
	other.Name = "other"
	var all []change
	for i := range rows {
		all = append(all, change{batch.Insert, int64(i), fmt.Sprint("campaign ", i*7919), int64(i * i)})
	}
	apply(t, writer(t, s, counts), 1, all...)
	apply(t, writer(t, s, other), 1, change{batch.Insert, 1, "a", 1})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	const question = `SELECT count(*), sum(n), count(DISTINCT campaign), sum(epoch_ms("minute")) FROM "dws$counts"`
	answers := func(s *Store, sql string) (lines []string, err error) {
		_, err = s.Query(t.Context(), Question{SQL: sql}, func(_ []value.Field, b *batch.Batch) error {
			for i := range b.Rows {
				line := ""
				for _, c := range b.Columns {
					line += c.Value(i).String() + " "
				}
				lines = append(lines, line)
			}
			return nil
		})
		return lines, err
	}
	s = openStore(t, dir)
	want, err := answers(s, question)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	aside, told, same := 0, 0, 0
	copied := filepath.Join(t.TempDir(), "copy")
	for at := 0; at < len(whole); at += 1 + len(whole)/60 {
		if err := os.RemoveAll(copied); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(copied, 0o700); err != nil {
			t.Fatal(err)
		}
		whole[at] ^= 16
		err := os.WriteFile(filepath.Join(copied, fileName), whole, 0o600)
		whole[at] ^= 16
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t, copied)
		if s.Damage() != nil {
			aside++
		} else {
			got, err := answers(s, question)
			switch {
			case problem.Is(err, problem.Corrupt) && strings.Contains(err.Error(), "hot.duckdb, which holds the stored tables"):
				told++
				apply(t, writer(t, s, other), 2, change{batch.Insert, 2, "b", 2})
				if n, err := answers(s, `SELECT count(*) FROM "other"`); err != nil || !cmp.Equal(n, []string{"2 "}) {
					t.Errorf("byte %d: the other table has %v, %v", at, n, err)
				}
			case err != nil || !cmp.Equal(want, got):
				t.Errorf("byte %d: %v, %v; want %v", at, got, err, want)
			default:
				same++
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("byte %d: close: %v", at, err)
		}
	}
	t.Logf("%d put aside, %d told by who reads, %d changed nothing", aside, told, same)
	if aside == 0 || told < 10 {
		t.Errorf("%d put aside, %d told by who reads", aside, told)
	}
}

func apply(t *testing.T, w *Writer, epoch uint64, all ...change) {
	t.Helper()
	if err := w.Apply(t.Context(), epoch, 0, []*batch.Batch{changes(all...)}); err != nil {
		t.Fatal(err)
	}
}
