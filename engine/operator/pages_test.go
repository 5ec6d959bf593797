package operator

import "testing"

// Things keep their numbers over pages, and the places of full pages.
func TestPagesKeepNumbers(t *testing.T) {
	var p pages[uint32]
	const n = 3*pageSize + 5
	for range 2 {
		for i := range uint32(n) {
			if number := p.append(2 * i); number != i {
				t.Fatalf("thing %d has the number %d", i, number)
			}
		}
		first := p.at(pageSize)
		p.resize(n + pageSize)
		for i := range uint32(n) {
			if *p.at(i) != 2*i {
				t.Fatalf("thing %d is %d", i, *p.at(i))
			}
		}
		if p.len() != n+pageSize || *p.at(n) != 0 || p.at(pageSize) != first {
			t.Errorf("%d things, new ones are %d, a thing has moved: %t", p.len(), *p.at(n), p.at(pageSize) != first)
		}
		p.clear()
	}
}
