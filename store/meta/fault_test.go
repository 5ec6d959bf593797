package meta

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// image is the content of the database's files at a moment, by name.
type image map[string][]byte

func imageOf(t *testing.T, dir string) image {
	t.Helper()
	files := image{}
	for _, name := range []string{"meta.sqlite", "meta.sqlite-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			files[name] = content
		}
	}
	return files
}

// found opens a copy of an image and gives its documents as name, version and
// length of the body, after which it must take one more.
func (files image) found(t *testing.T, dir string) ([]string, error) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), vfs.OS(), dir)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	all, err := s.All(t.Context(), "table")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, d := range all {
		if d.Body != bodyOf(d.Name, d.Version) {
			t.Errorf("version %d of %s has the body %.40q", d.Version, d.Name, d.Body)
		}
		out = append(out, fmt.Sprint(d.Name, " ", d.Version))
	}
	if _, err := s.Put(t.Context(), "table", "one more", "x"); err != nil {
		return nil, err
	}
	return out, nil
}

func bodyOf(name string, version int) string {
	return strings.Repeat(fmt.Sprintf("%s.%d ", name, version), 100*version)
}

// TestCrashAtEveryWrite cuts what every Put writes, at every step, as a death of
// the process does, or a power loss in the middle: the documents are as before
// it or as after it, and as after it once it has returned.
func TestCrashAtEveryWrite(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	s := open(t, dir)
	var told []string
	tried := 0
	check := func(files image, doing string, want ...[]string) {
		t.Helper()
		tried++
		got, err := files.found(t, copied)
		if err != nil {
			t.Fatalf("%s: %v", doing, err)
		}
		for _, w := range want {
			if cmp.Equal(w, got) {
				return
			}
		}
		t.Fatalf("%s: found %v, want one of %v", doing, got, want)
	}
	for i := range 8 {
		before, beforeTold := imageOf(t, dir), append([]string(nil), told...)
		name := fmt.Sprint("t", i%4)
		version := put(t, s, name, bodyOf(name, i/4+1))
		entry := fmt.Sprint(name, " ", version)
		if version == 1 {
			told = append(told, entry)
		} else {
			told[i%4] = entry
		}
		after := imageOf(t, dir)
		check(after, fmt.Sprintf("put %d, killed after it", i), told)
		// First the log gets the change, then the database does.
		database, log := "meta.sqlite", "meta.sqlite-wal"
		const step = 1024
		for cut := 0; cut < len(after[log]); cut += step {
			torn := append([]byte(nil), after[log][:cut]...)
			if cut < len(before[log]) {
				torn = append(torn, before[log][cut:]...)
			}
			check(image{database: before[database], log: torn}, fmt.Sprintf("put %d, log written to %d", i, cut), beforeTold, told)
		}
		for cut := 0; cut < len(after[database]); cut += step {
			torn := append([]byte(nil), after[database][:cut]...)
			if cut < len(before[database]) {
				torn = append(torn, before[database][cut:]...)
			}
			check(image{database: torn, log: after[log]}, fmt.Sprintf("put %d, database written to %d", i, cut), told)
		}
	}
	t.Logf("%d crashes", tried)
	if tried < 200 {
		t.Errorf("only %d crashes were tried", tried)
	}
}

// TestFlippedBits inverts bits all over the database and its log, as a killed
// process leaves them, and as one that was stopped does: the damage is told with
// the file's name, or changes nothing of what is read.
func TestFlippedBits(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	s := open(t, dir)
	var want []string
	for i := range 6 {
		name := fmt.Sprint("t", i)
		want = append(want, fmt.Sprint(name, " ", put(t, s, name, bodyOf(name, 1))))
	}
	killed := imageOf(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	stopped := imageOf(t, dir)
	told, same := 0, 0
	flip := func(whole image, name string, at int) {
		whole[name][at] ^= 1 << (at % 8)
		got, err := whole.found(t, copied)
		whole[name][at] ^= 1 << (at % 8)
		switch {
		case err == nil && cmp.Equal(want, got):
			same++
		case err == nil:
			t.Errorf("%s, byte %d: found %v, want %v", name, at, got, want)
		case problem.Is(err, problem.Corrupt) && strings.Contains(err.Error(), "meta.sqlite, which holds the definitions") && problem.Of(err).Hint != "":
			told++
		case name == "meta.sqlite" && at == 18: // which says who may write
			told++
		default:
			t.Errorf("%s, byte %d: %v", name, at, err)
		}
	}
	for name, content := range killed {
		for at := 0; at < len(content); at += 151 {
			flip(killed, name, at)
		}
	}
	for at := range stopped["meta.sqlite"] {
		if at < 110 || at%37 == 0 { // every byte of the head, some of the rest
			flip(stopped, "meta.sqlite", at)
		}
	}
	t.Logf("%d flips were told, %d changed nothing", told, same)
	if told < 60 {
		t.Errorf("only %d flips were told", told)
	}
}

// TestFullDisk lets the database grow no more: a Put fails, and what was there
// before it is there.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.db.SetMaxOpenConns(1) // the limit is one of a connection
	put(t, s, "t0", bodyOf("t0", 1))
	if _, err := s.db.ExecContext(t.Context(), `PRAGMA max_page_count = 20`); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for i := range 100 {
		if _, err := s.Put(t.Context(), "table", fmt.Sprint("u", i), bodyOf("u", 40)); err != nil {
			failed++
		}
	}
	if failed == 0 {
		t.Fatal("the disk never was full")
	}
	if _, err := s.db.ExecContext(t.Context(), `PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	put(t, s, "after", "x")
	if got := bodies(t, s); len(got) != 100-failed+2 || got[0] != "t0="+bodyOf("t0", 1) || got[len(got)-1] != "after=x" {
		t.Errorf("%d documents, %d failed", len(got), failed)
	}
	if err := s.checkPages(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTableOfAnEarlierRelease is read and gets checksums from now on.
func TestTableOfAnEarlierRelease(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, statement := range []string{
		`DROP TABLE document`,
		`CREATE TABLE document (kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, deleted INTEGER NOT NULL, at INTEGER NOT NULL,
			PRIMARY KEY (kind, name, version)) WITHOUT ROWID`,
		`INSERT INTO document VALUES ('table', 't', 1, 'old', 0, 0)`,
	} {
		if _, err := s.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if v := put(t, s, "t", "new"); v != 2 {
		t.Errorf("version %d, want 2", v)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"t=new"}, bodies(t, open(t, dir))); diff != "" {
		t.Error(diff)
	}
}
