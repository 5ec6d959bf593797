package format

import (
	"fmt"
	"testing"

	"tidemark/base/batch"
)

// A batch that came back is filled again, and only then.
func TestLender(t *testing.T) {
	var l Lender
	d := NewJSONDecoder(adColumns, JSONOptions{})
	d.CopyTexts()
	d.CutLines()
	read := func(ad string) (text func() string, lease interface{ Return() }) {
		l.Reuse(d)
		rows := l.Lend(d.DecodeLines(fmt.Appendf(nil, "{\"ad_id\":\"%s\"}\n", ad), true).Rows)
		return func() string { return string(rows.Columns[0].Bytes(0)) }, rows.Lease
	}
	first, lease := read("first")
	second, _ := read("second")
	if first() != "first" || second() != "second" {
		t.Fatalf("lent: %s and %s", first(), second())
	}
	lease.Return()
	third, _ := read("third")
	if first() != "third" || second() != "second" || third() != "third" {
		t.Errorf("after one came back: %s, %s and %s", first(), second(), third())
	}
}

// Behind the last lease batches are given without one, until one comes back.
func TestLenderHasALimit(t *testing.T) {
	var l Lender
	lend := func() *batch.Batch { return l.Lend(&batch.Batch{}) }
	first := lend()
	for range lentMax - 1 {
		lend()
	}
	if lend().Lease != nil {
		t.Error("one too many is lent")
	}
	if first.Lease.Return(); lend().Lease == nil {
		t.Error("none is lent after one came back")
	}
}
