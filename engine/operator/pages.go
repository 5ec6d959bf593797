package operator

import "unsafe"

// pages is a list that grows without being copied: one thing for each code or row
// number. What has grown by a quarter at a time has been copied four times, into
// memory that was touched for the first time each time.
type pages[T any] struct {
	pages [][]T // all full but the last one
	count int
}

const (
	pageBits = 12
	pageSize = 1 << pageBits // things on a page; the first one grows up to it
	pageMask = pageSize - 1
)

// len is how many things there are.
func (p *pages[T]) len() int { return p.count }

// at is the thing with the number, until the list grows.
func (p *pages[T]) at(number uint32) *T { return &p.pages[number>>pageBits][number&pageMask] }

// append adds a thing and gives its number.
func (p *pages[T]) append(thing T) uint32 {
	last := len(p.pages) - 1
	if last < 0 || len(p.pages[last]) == pageSize {
		size := pageSize
		if last < 0 {
			size = 0
		}
		p.pages = append(p.pages, make([]T, 0, size))
		last++
	}
	p.pages[last] = append(p.pages[last], thing)
	p.count++
	return uint32(p.count - 1)
}

// resize makes room for the numbers below n, if there is none: of zero things.
func (p *pages[T]) resize(n int) {
	var zero T
	for p.count < n {
		p.append(zero)
	}
}

// clear forgets all things and keeps one page.
func (p *pages[T]) clear() {
	if p.count > 0 {
		p.pages = append(p.pages[:0:0], p.pages[0][:0])
	}
	p.count = 0
}

// held is how many bytes the things take.
func (p *pages[T]) held() int64 {
	var one T
	n := 0
	for _, page := range p.pages {
		n += cap(page)
	}
	return int64(n) * int64(unsafe.Sizeof(one))
}
