package nexmark

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const second = 1000

// floor is the start of the window of the given size that holds at.
func floor(at, size int64) int64 {
	m := at % size
	if m < 0 {
		m += size
	}
	return at - m
}

func q0(e *events, out *rows) {
	for _, b := range e.bids {
		out.int(b.auction, b.bidder, b.price).time(b.at).extra(b.extra).end()
	}
}

func q1(e *events, out *rows) {
	for _, b := range e.bids {
		out.int(b.auction, b.bidder).thousandths(b.price * 908).time(b.at).extra(b.extra).end()
	}
}

func q2(e *events, out *rows) {
	for _, b := range e.bids {
		if b.auction%123 == 0 {
			out.int(b.auction, b.price).end()
		}
	}
}

func q3(e *events, out *rows) {
	byID := map[int64][]*person{}
	for i, p := range e.people {
		if p.state == "OR" || p.state == "ID" || p.state == "CA" {
			byID[p.id] = append(byID[p.id], &e.people[i])
		}
	}
	for _, a := range e.auctions {
		if a.category == 10 {
			for _, p := range byID[a.seller] {
				out.text(p.name, p.city, p.state).int(a.id).end()
			}
		}
	}
}

// eachValidBid calls f for every bid made while its auction was open, auction by
// auction, bids in arrival order.
func eachValidBid(e *events, f func(a *auction, b *bid)) {
	byAuction := map[int64][]*bid{}
	for i, b := range e.bids {
		byAuction[b.auction] = append(byAuction[b.auction], &e.bids[i])
	}
	for i := range e.auctions {
		a := &e.auctions[i]
		for _, b := range byAuction[a.id] {
			if b.at >= a.at && b.at <= a.expires {
				f(a, b)
			}
		}
	}
}

func q4(e *events, out *rows) {
	type key struct{ id, category int64 }
	top := map[key]int64{}
	eachValidBid(e, func(a *auction, b *bid) {
		k := key{a.id, a.category}
		if p, ok := top[k]; !ok || b.price > p {
			top[k] = b.price
		}
	})
	total, n := map[int64]int64{}, map[int64]int64{}
	for k, p := range top {
		total[k.category] += p
		n[k.category]++
	}
	for c := range total {
		out.int(c, total[c]/n[c]).end()
	}
}

func q5(e *events, out *rows) {
	const slide, size = 2 * second, 10 * second
	type key struct{ start, auction int64 }
	num, best := map[key]int64{}, map[int64]int64{}
	for _, b := range e.bids {
		for s := floor(b.at, slide); s > b.at-size; s -= slide {
			k := key{s, b.auction}
			num[k]++
			best[s] = max(best[s], num[k])
		}
	}
	for k, n := range num {
		if n >= best[k.start] {
			out.int(k.auction, n).end()
		}
	}
}

func q7(e *events, out *rows) {
	const size = 10 * second
	top := map[int64]int64{} // by window start
	for _, b := range e.bids {
		s := floor(b.at, size)
		if p, ok := top[s]; !ok || b.price > p {
			top[s] = b.price
		}
	}
	for _, b := range e.bids {
		s := floor(b.at, size)
		// Both ends of the query's BETWEEN count, so that a bid on a boundary is
		// also compared with the window that ends there.
		for _, w := range []int64{s, s - size} {
			if p, ok := top[w]; ok && p == b.price && b.at >= w && b.at <= w+size {
				out.int(b.auction, b.price, b.bidder).time(b.at).extra(b.extra).end()
			}
		}
	}
}

func q8(e *events, out *rows) {
	const size = 10 * second
	type seller struct{ id, start int64 }
	sellers := map[seller]bool{}
	for _, a := range e.auctions {
		sellers[seller{a.seller, floor(a.at, size)}] = true
	}
	type row struct {
		seller
		name string
	}
	seen := map[row]bool{}
	for _, p := range e.people {
		r := row{seller{p.id, floor(p.at, size)}, p.name}
		if sellers[r.seller] && !seen[r] {
			seen[r] = true
			out.int(r.id).text(r.name).time(r.start).end()
		}
	}
}

// winners calls f with every auction that drew a valid bid and with its best
// bid: highest price, then earliest, then first to arrive.
func winners(e *events, f func(a *auction, b *bid)) {
	type best struct {
		a *auction
		b *bid
	}
	top := map[int64]best{}
	eachValidBid(e, func(a *auction, b *bid) {
		t, ok := top[a.id]
		if !ok || b.price > t.b.price || b.price == t.b.price && b.at < t.b.at {
			top[a.id] = best{a, b}
		}
	})
	for _, t := range top {
		f(t.a, t.b)
	}
}

func q9(e *events, out *rows) {
	winners(e, func(a *auction, b *bid) {
		out.int(a.id).text(a.itemName, a.description).int(a.initialBid, a.reserve).time(a.at, a.expires).
			int(a.seller, a.category).extra(a.extra).int(b.auction, b.bidder, b.price).time(b.at).extra(b.extra).end()
	})
}

func q6(e *events, out *rows) {
	type won struct{ at, id, price int64 }
	bySeller := map[int64][]won{}
	winners(e, func(a *auction, b *bid) { bySeller[a.seller] = append(bySeller[a.seller], won{b.at, a.id, b.price}) })
	for seller, list := range bySeller {
		slices.SortFunc(list, func(x, y won) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.id, y.id)) })
		for i := range list {
			sum, n := int64(0), int64(0)
			for _, w := range list[max(0, i-10) : i+1] {
				sum, n = sum+w.price, n+1
			}
			out.int(seller, sum/n).end()
		}
	}
}

func q11(e *events, out *rows) {
	const gap = 10 * second
	times := map[int64][]int64{}
	for _, b := range e.bids {
		times[b.bidder] = append(times[b.bidder], b.at)
	}
	for bidder, ts := range times {
		slices.Sort(ts)
		from, n := ts[0], int64(0)
		for i, t := range ts {
			n++
			// Windows that touch are one session: a pause of exactly the gap
			// does not end it.
			if i+1 == len(ts) || ts[i+1] > t+gap {
				out.int(bidder, n).time(from, t+gap).end()
				if i+1 < len(ts) {
					from, n = ts[i+1], 0
				}
			}
		}
	}
}

func q12(e *events, out *rows) {
	const size = 10 * second
	type key struct{ bidder, start int64 }
	n := map[key]int64{}
	for _, b := range e.bids {
		n[key{b.bidder, floor(b.at, size)}]++
	}
	for k, c := range n {
		out.int(k.bidder, c).time(k.start, k.start+size).end()
	}
}

func q13(e *events, out *rows) {
	for _, b := range e.bids {
		if k := b.auction % 10_000; k >= 0 {
			out.int(b.auction, b.bidder, b.price).time(b.at).text(strconv.FormatInt(k, 10)).end()
		}
	}
}

func q14(e *events, out *rows) {
	for _, b := range e.bids {
		p := b.price * 908
		if p <= 1_000_000_000 || p >= 50_000_000_000 {
			continue
		}
		kind := "otherTime"
		if h := time.UnixMilli(b.at).UTC().Hour(); h >= 8 && h <= 18 {
			kind = "dayTime"
		} else if h <= 6 || h >= 20 {
			kind = "nightTime"
		}
		out.int(b.auction, b.bidder).thousandths(p).text(kind).time(b.at).extra(b.extra).
			int(int64(strings.Count(e.workload.filler.plain(b.extra), "c"))).end()
	}
}

// level is the price level 1, 2 or 3 of q15 to q17.
func level(price int64) int {
	switch {
	case price < 10_000:
		return 1
	case price < 1_000_000:
		return 2
	}
	return 3
}

// stats is one group of q15 or q16; index 0 counts all levels.
type stats struct {
	bids     [4]int64
	bidders  [4]map[int64]bool
	auctions [4]map[int64]bool
	minute   string
}

func (s *stats) add(b *bid) {
	for _, l := range []int{0, level(b.price)} {
		if s.bidders[l] == nil {
			s.bidders[l], s.auctions[l] = map[int64]bool{}, map[int64]bool{}
		}
		s.bids[l]++
		s.bidders[l][b.bidder] = true
		s.auctions[l][b.auction] = true
	}
}

func (s *stats) write(out *rows) {
	out.int(s.bids[:]...)
	for _, sets := range [][4]map[int64]bool{s.bidders, s.auctions} {
		for _, m := range sets {
			out.int(int64(len(m)))
		}
	}
	out.end()
}

func utc(at int64, layout string) string { return time.UnixMilli(at).UTC().Format(layout) }

func group[K comparable, V any](m map[K]*V, k K) *V {
	v := m[k]
	if v == nil {
		v = new(V)
		m[k] = v
	}
	return v
}

func q15(e *events, out *rows) {
	days := map[string]*stats{}
	for i, b := range e.bids {
		group(days, utc(b.at, "2006-01-02")).add(&e.bids[i])
	}
	for d, s := range days {
		s.write(out.text(d))
	}
}

func q16(e *events, out *rows) {
	type key struct{ channel, day string }
	groups := map[key]*stats{}
	for i, b := range e.bids {
		s := group(groups, key{b.channel.name, utc(b.at, "2006-01-02")})
		s.add(&e.bids[i])
		s.minute = max(s.minute, utc(b.at, "15:04"))
	}
	for k, s := range groups {
		s.write(out.text(k.channel, k.day, s.minute))
	}
}

func q17(e *events, out *rows) {
	type key struct {
		auction int64
		day     string
	}
	type sums struct {
		n              [4]int64
		low, high, sum int64
	}
	groups := map[key]*sums{}
	for _, b := range e.bids {
		s := group(groups, key{b.auction, utc(b.at, "2006-01-02")})
		if s.n[0] == 0 {
			s.low, s.high = b.price, b.price
		}
		s.n[0]++
		s.n[level(b.price)]++
		s.low, s.high, s.sum = min(s.low, b.price), max(s.high, b.price), s.sum+b.price
	}
	for k, s := range groups {
		out.int(k.auction).text(k.day).int(s.n[:]...).int(s.low, s.high, s.sum/s.n[0], s.sum).end()
	}
}

// q18 is the newest bid of every bidder on every auction; of equally new ones,
// the last to arrive.
func q18(e *events, out *rows) {
	type key struct{ bidder, auction int64 }
	newest := map[key]*bid{}
	for i := range e.bids {
		b := &e.bids[i]
		if k := (key{b.bidder, b.auction}); newest[k] == nil || b.at >= newest[k].at {
			newest[k] = b
		}
	}
	for _, b := range newest {
		out.bid(b).end()
	}
}

// q19 is the ten highest bids of every auction and their places; equal prices in
// the order of arrival.
func q19(e *events, out *rows) {
	byAuction := map[int64][]*bid{}
	for i, b := range e.bids {
		byAuction[b.auction] = append(byAuction[b.auction], &e.bids[i])
	}
	for _, list := range byAuction {
		slices.SortStableFunc(list, func(x, y *bid) int { return cmp.Compare(y.price, x.price) })
		for i, b := range list[:min(len(list), 10)] {
			out.bid(b).int(int64(i + 1)).end()
		}
	}
}

func q20(e *events, out *rows) {
	byID := map[int64][]*auction{}
	for i, a := range e.auctions {
		if a.category == 10 {
			byID[a.id] = append(byID[a.id], &e.auctions[i])
		}
	}
	for i, b := range e.bids {
		for _, a := range byID[b.auction] {
			out.bid(&e.bids[i]).auction(a).end()
		}
	}
}

var channelOfURL = regexp.MustCompile(`(&|^)channel_id=([^&]*)`)

func q21(e *events, out *rows) {
	fixed := map[string]string{"apple": "0", "google": "1", "facebook": "2", "baidu": "3"}
	for _, b := range e.bids {
		id, ok := fixed[strings.ToLower(b.channel.name)]
		if !ok {
			m := channelOfURL.FindStringSubmatch(b.channel.url)
			if m == nil {
				continue
			}
			id = m[2]
		}
		out.int(b.auction, b.bidder, b.price).text(b.channel.name, id).end()
	}
}

func q22(e *events, out *rows) {
	for _, b := range e.bids {
		d := append(strings.Split(b.channel.url, "/"), "", "", "", "", "", "")
		out.int(b.auction, b.bidder, b.price).text(b.channel.name, d[3], d[4], d[5]).end()
	}
}

func q23(e *events, out *rows) {
	people, bySeller := map[int64][]*person{}, map[int64][]*auction{}
	for i, p := range e.people {
		people[p.id] = append(people[p.id], &e.people[i])
	}
	for i, a := range e.auctions {
		bySeller[a.seller] = append(bySeller[a.seller], &e.auctions[i])
	}
	for _, b := range e.bids {
		for _, p := range people[b.bidder] {
			for _, a := range bySeller[b.bidder] {
				out.int(b.bidder, b.price).text(b.channel.name, b.channel.url).extra(b.extra).
					int(p.id).text(p.name, p.email, p.creditCard, p.city, p.state).extra(p.extra).auction(a).end()
			}
		}
	}
}
