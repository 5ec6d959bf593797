package nexmark

// eachBidder calls f with the bids of every bidder, in the order of time.
func eachBidder(e *events, f func(list []*bid)) {
	byBidder := map[int64][]*bid{}
	for i, b := range e.bids {
		byBidder[b.bidder] = append(byBidder[b.bidder], &e.bids[i])
	}
	for _, list := range byBidder {
		f(list)
	}
}

// p0 is every falling run of two bids or more, from its top, with the bid behind
// it if that is higher than the lowest.
func p0(e *events, out *rows) {
	eachBidder(e, func(list []*bid) {
		for top := 0; top < len(list); {
			low := top
			for low+1 < len(list) && list[low+1].price < list[low].price {
				low++
			}
			if low > top && low+1 < len(list) && list[low+1].price > list[low].price {
				out.int(list[top].bidder).time(list[top].at).int(list[low].price).time(list[low+1].at).end()
			}
			top = max(low, top+1) // the lowest is no top: what follows is not lower
		}
	})
}

// cheapFrom gives the first bid that lifts the average of the bids from a first
// one on to 10,000, and the sum of those before; ok is false when none does.
func cheapFrom(list []*bid) (end int, sum int64, ok bool) {
	for end, b := range list {
		if sum+b.price >= 10_000*int64(end+1) {
			return end, sum, true
		}
		sum += b.price
	}
	return 0, 0, false
}

// cheap is the matches of p1 and p2. A match that began earlier and is not over
// holds back those that began later.
func cheap(e *events, out *rows, next func(first, end int) int) {
	eachBidder(e, func(list []*bid) {
		for first := 0; first < len(list); {
			end, sum, ok := cheapFrom(list[first:])
			switch {
			case !ok:
				return
			case end == 0:
				first++
				continue
			}
			out.int(list[first].bidder).time(list[first].at).int(sum/int64(end), list[first+end].price).end()
			first = next(first, first+end)
		}
	})
}

func p1(e *events, out *rows) { cheap(e, out, func(_, end int) int { return end + 1 }) }
func p2(e *events, out *rows) { cheap(e, out, func(first, _ int) int { return first + 1 }) }

func p3(e *events, out *rows) {
	eachBidder(e, func(list []*bid) {
		for first := 0; first < len(list); first++ {
			high := list[first]
			if high.price <= 10_000_000 {
				continue
			}
			for end := first + 1; end < len(list) && list[end].at < high.at+5*second; end++ {
				if c := list[end]; c.price > high.price {
					out.int(c.bidder, high.price, c.price).time(c.at).end()
					first = end
					break
				}
			}
		}
	})
}
