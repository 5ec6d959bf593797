package embedded

import (
	"bytes"
	"encoding/hex"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// small is a savepoint with one entry of state and a table of one batch.
func small(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := newSavepointWriter(&file, savepointHead{Table: "t", Name: "n", Fingerprint: "f", Epoch: 7, TakenAt: time.Unix(0, 0).UTC(), Tables: []savedTable{{Epoch: 7}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return w.entry([]byte("key"), []byte("val")) }, w.endState,
		func() error { return w.table(0) }, func() error { return w.rows([]byte("rows"), 2) }, w.end,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

// TestSavepointFileBytes holds the layout that docs/formats/savepoint.md draws.
func TestSavepointFileBytes(t *testing.T) {
	file := small(t)
	head := `{"table":"t","name":"n","fingerprint":"f","epoch":7,"watermark":0,"taken_at":"1970-01-01T00:00:00Z","sources":null,"tables":[{"suffix":"","epoch":7,"watermark":0}]}`
	at := len(savepointMagic) + 1 + 1 + 4
	if got := string(file[at : at+len(head)]); got != head {
		t.Errorf("the head is %s, want %s", got, head)
	}
	want := hex.EncodeToString([]byte("s\x00\x00\x00\x08\x03key\x03val")) // and so on behind its checksum
	rest := file[at+len(head)+4:]
	if got := hex.EncodeToString(rest[:13]); got != want {
		t.Errorf("the state is %s, want %s", got, want)
	}
	if diff := cmp.Diff(int(file[len(savepointMagic)]), savepointVersion); diff != "" {
		t.Error(diff)
	}
}

// FuzzSavepointReader demands that whatever bytes there are, reading them ends with
// an error or with all of them read.
func FuzzSavepointReader(f *testing.F) {
	file := small(f)
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := newSavepointReader(bytes.NewReader(file), "fuzzed")
		if err != nil {
			return
		}
		if err := r.check(func(int, []byte) (int, error) { return 2, nil }); err != nil {
			return
		}
		if _, err := io.ReadAll(r.in); err != nil {
			t.Error(err)
		}
	})
}
