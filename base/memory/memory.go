// Package memory gives large pieces of memory that the garbage collector neither
// looks at, nor counts, nor ever gives back: for the state of operators, which is
// most of what a process holds and lives as long as its rows do.
//
// It is not for what has pointers, and not for memory whose last user nobody knows:
// who has taken a piece returns it, and uses it no more. What is forgotten is lost.
//
// Flow: Take gives a piece of zeros; Return gives it back to the system, so that who
// needs as much again soon rather keeps it. What is smaller than Large is the garbage
// collector's, and Return leaves it to it.
//
// Why not leave it all to the collector: it lets garbage grow as large as what is
// alive, and all of that is memory that is touched for the first time, which costs a
// virtual machine 2 to 10 µs a page. Why no huge pages: they are touched for the first
// time just as well, and cost twice as much where the host has to find them.
//
// Invariants:
//  1. A piece is zeros when it is taken.
//  2. Held is the bytes of all large pieces that are taken and not returned.
package memory

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

const (
	// Large is the least size of a large piece, in bytes.
	Large = 1 << 20
	// grain is what sizes of large pieces are multiples of: a page of any system.
	grain = 1 << 16
)

var held atomic.Int64

// Held is how many bytes of large pieces are taken, by all of the process.
func Held() int64 { return held.Load() }

// Take gives a piece of count zeros, T being a type without pointers. A large piece may
// have more room behind it, up to its capacity. It panics when the system has no more
// memory.
func Take[T any](count int) []T {
	var one T
	size := int(unsafe.Sizeof(one))
	if count < Large/size {
		return make([]T, count)
	}
	bytes := wholeGrains(count * size)
	begin, err := take(bytes)
	if err != nil {
		panic(fmt.Sprintf("take %d bytes of memory: %v", bytes, err))
	}
	held.Add(int64(bytes))
	return unsafe.Slice((*T)(begin), bytes/size)[:count]
}

// Return gives back a piece that Take gave: from its beginning, with at least the
// capacity that was asked for. Nobody may have a part of it any more.
func Return[T any](piece []T) {
	var one T
	size := int(unsafe.Sizeof(one))
	if cap(piece) < Large/size {
		return
	}
	bytes := wholeGrains(cap(piece) * size)
	if err := giveBack(unsafe.Pointer(unsafe.SliceData(piece)), bytes); err != nil {
		panic(fmt.Sprintf("return %d bytes of memory: %v", bytes, err))
	}
	held.Add(-int64(bytes))
}

func wholeGrains(bytes int) int { return (bytes + grain - 1) &^ (grain - 1) }
