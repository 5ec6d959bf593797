package batch_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// After Detach the block that the views pointed into can be overwritten.
func TestDetachedTextsOutliveTheirBlock(t *testing.T) {
	block := []byte("alpha beta gamma")
	texts := batch.NewColumn(value.StringType, 4)
	texts.Resize(4)
	texts.Heap = block
	texts.Views = []batch.View{{Offset: 6, Length: 4}, {Offset: 900, Length: 900}, {Offset: 0, Length: 5}, {Offset: 16, Length: 0}}
	texts.SetNull(1)
	texts.Views[1] = batch.View{Offset: 900, Length: 900} // the entry of a NULL means nothing
	elements := batch.NewColumn(value.StringType, 1)
	elements.Resize(1)
	elements.Heap, elements.Views[0] = block, batch.View{Offset: 11, Length: 5}
	lists := batch.NewColumn(value.ArrayOf(value.StringType), 4)
	lists.Resize(4)
	lists.Spans[2] = batch.View{Offset: 0, Length: 1}
	lists.Children[0] = elements
	b := &batch.Batch{Columns: []*batch.Column{texts, lists}, Rows: 4}

	b.Detach()
	clear(block)
	var got []string
	for i := range b.Rows {
		got = append(got, texts.Value(i).String()+" "+lists.Value(i).String())
	}
	want := []string{"beta []", "NULL []", "alpha [gamma]", " []"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
