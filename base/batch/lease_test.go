package batch

import (
	"testing"

	"tidemark/base/value"
)

func TestLeaseEndsWithItsLastUser(t *testing.T) {
	back := 0
	l := NewLease(func() { back++ })
	l.Share()
	l.Return()
	if back != 0 {
		t.Fatal("given back while it is used")
	}
	if l.Return(); back != 1 {
		t.Fatalf("given back %d times", back)
	}
	defer func() {
		if recover() == nil {
			t.Error("can be returned once more")
		}
	}()
	l.Return()
}

func TestNoLease(t *testing.T) {
	var l *Lease
	l.Share()
	l.Return()
	l.Return()
}

// What is done to a lent column the owner of its memory does not see.
func TestLentColumns(t *testing.T) {
	row := NewColumn(value.RowOf(value.Field{Name: "s", Type: value.StringType}), 4)
	row.AppendValue(value.Value{Type: row.Type, Items: []value.Value{value.OfString("abc")}})
	owned := row.Children[0]
	owned.Heap = append(make([]byte, 0, 100), owned.Heap...)
	lent := Lent([]*Column{row})[0].Children[0]
	lent.AppendValue(value.OfString("def"))
	lent.SetNull(0)
	if owned.Len() != 1 || owned.IsNull(0) || cap(owned.Heap) != 100 || string(owned.Heap[:6]) == "abcdef" {
		t.Errorf("%d rows, %q", owned.Len(), owned.Heap[:6])
	}
}
