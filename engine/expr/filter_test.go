package expr

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// TestEqualTexts compares texts a word at a time with texts row by row.
func TestEqualTexts(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "v", "vi", "view", "viex", "wiew", "views", "purchase", "purchasf", "purchased", "view\x00", "\xff\xff\xff\xff\xff\xff\xff\xff"})
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(word, 0, 40).Draw(t, "texts")
		wanted := word.Draw(t, "wanted")
		column := batch.NewColumn(value.StringType, 0)
		var want []uint16
		for i, text := range texts {
			column.AppendValue(value.OfString(text))
			if text == wanted {
				want = append(want, uint16(i))
			}
		}
		if got := equalTexts(column, wanted, nil, make([]uint16, 0, len(texts))); !slices.Equal(got, want) {
			t.Fatalf("%q is in rows %v of %q, not %v", wanted, want, texts, got)
		}
	})
}
