package native

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestQuickIsEach: what is read without cutting the body first is what is read
// event by event, and whatever may have to be kept as it came is not read so.
func TestQuickIsEach(t *testing.T) {
	in := NewIntake(nil, nil, columns)
	plain := []string{
		`{"id":1,"name":"a","at":"2026-01-01T00:00:00Z"}`, `{"name":null,"id":-7}`, `{"id":3,"name":"\u00fc\\n","at":null}`,
		`{"id":4,"name":"ünïcode"}`, "", ` {"id":5} `,
	}
	other := []string{
		`{"id":6,"more":true}`, `{"id":"no number"}`, `{"id":7`, `[{"id":8}]`, `{}`, "   ", `{"id":9}{"id":10}`, "\t", `{"id":11,"id":12}`, "null",
	}
	rapid.Check(t, func(t *rapid.T) {
		kinds := plain
		if rapid.Bool().Draw(t, "also other lines") {
			kinds = append(append([]string{}, plain...), other...)
		}
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end of lines")
		lines := rapid.SliceOfN(rapid.SampledFrom(kinds), 1, 60).Draw(t, "lines")
		text := []byte(strings.Join(lines, end) + rapid.SampledFrom([]string{"", end}).Draw(t, "last"))
		quick, each := newBodyCheck(in), newBodyCheck(in)
		if !quick.quick(text) {
			return
		}
		if err := each.each(text); err != nil {
			t.Fatal(err)
		}
		if len(each.bad) > 0 || each.hasMore || each.count != quick.count {
			t.Fatalf("%d events read quickly, otherwise %d, %d bad, with more: %v", quick.count, each.count, len(each.bad), each.hasMore)
		}
		if !bytes.Equal(quick.pack, each.pack) {
			t.Fatal("the packs differ")
		}
	})
}

// TestQuickIsUsed: the usual body is read without cutting it, one with an event that
// may be too long is not.
func TestQuickIsUsed(t *testing.T) {
	c := newBodyCheck(NewIntake(nil, nil, columns))
	usual := lines(3 * sectionEvents)
	if !c.quick([]byte(usual)) || c.count != 3*sectionEvents {
		t.Errorf("%d events of a usual body", c.count)
	}
	pieces, each := []byte(lines(60_000)), newBodyCheck(c.intake)
	if len(pieces) < pieceBytes {
		t.Fatalf("a body of %d bytes is one piece", len(pieces))
	}
	if err := each.each(pieces); err != nil || !c.quick(pieces) || c.count != each.count || !bytes.Equal(c.pack, each.pack) {
		t.Errorf("%d events of a body in pieces, not %d; %v", c.count, each.count, err)
	}
	if c.quick([]byte(lines(packEventsMin - 1))) {
		t.Error("a body that is not packed was read")
	}
	long := usual + fmt.Sprintf(`{"id":1,"name":"%s"}`, strings.Repeat("x", eventBytesMax)) + "\n"
	if c.quick([]byte(long)) {
		t.Error("a body with an event that is too long was taken")
	}
	if err := c.body([]byte(long)); err != nil || c.count != 3*sectionEvents || len(c.bad) != 1 || c.bad[0].line != 3*sectionEvents+1 {
		t.Errorf("%d events, %v bad, %v", c.count, c.bad, err)
	}
}
