package nexmark

import (
	"strconv"

	"tidemark/examples/draw"
)

// Rows as the queries see them. Times are Unix ms.
type (
	person struct {
		id                                   int64
		name, email, creditCard, city, state string
		extra                                span
		at                                   int64
	}
	auction struct {
		id, initialBid, reserve, seller, category int64
		itemName, description                     string
		extra                                     span
		at, expires                               int64
	}
	bid struct {
		auction, bidder, price int64
		channel                channel
		extra                  span
		at                     int64
	}
)

// each calls the function for the kind of every event from to to-1.
func (w *Workload) each(from, to int64, people func(*person), auctions func(*auction), bids func(*bid)) {
	for n := from; n < to; n++ {
		r := draw.At(w.seed, n, drawsPerEvent)
		switch place := n % epochEvents; {
		case place < epochPeople:
			p := w.person(&r, n)
			people(&p)
		case place < epochPeople+epochAuctions:
			a := w.auction(&r, n)
			auctions(&a)
		default:
			b := w.bid(&r, n)
			bids(&b)
		}
	}
}

func (w *Workload) person(r *draw.Sequence, n int64) person {
	p := person{id: firstPerson + newestPerson(n), at: at(n)}
	p.name = firstNames[r.Below(len(firstNames))] + " " + lastNames[r.Below(len(lastNames))]
	user := string(appendWord(nil, r, 7, ' '))
	p.email = user + "@" + string(appendWord(nil, r, 5, ' ')) + ".com"
	var card [19]byte
	for i := range 4 {
		four := r.Below(10_000)
		copy(card[i*5:], []byte{byte('0' + four/1000), byte('0' + four/100%10), byte('0' + four/10%10), byte('0' + four%10)})
		if i < 3 {
			card[i*5+4] = ' '
		}
	}
	p.creditCard = string(card[:])
	p.city, p.state = cities[r.Below(len(cities))], states[r.Below(len(states))]
	p.extra = w.filler.draw(r, 8+len(p.name)+len(p.email)+len(p.creditCard)+len(p.city)+len(p.state), personBytes)
	return p
}

func (w *Workload) auction(r *draw.Sequence, n int64) auction {
	a := auction{id: firstAuction + newestAuction(n), at: at(n)}
	if r.Below(hotSellers) > 0 {
		a.seller = firstPerson + newestPerson(n)/hotSpan*hotSpan
	} else {
		a.seller = firstPerson + anyPerson(r, n)
	}
	a.category = firstCategory + int64(r.Below(categories))
	a.initialBid = w.drawPrice(r)
	// Long enough, on average, for openAuctions to be open at a time.
	open := at(n+openAuctions*epochEvents/epochAuctions) - a.at
	a.expires = a.at + 1 + r.Below64(max(2*open, 1))
	a.itemName = string(appendWord(nil, r, 20, ' '))
	a.description = string(appendWord(nil, r, 100, ' '))
	a.reserve = a.initialBid + w.drawPrice(r)
	a.extra = w.filler.draw(r, 8+len(a.itemName)+len(a.description)+5*8, auctionBytes)
	return a
}

func (w *Workload) bid(r *draw.Sequence, n int64) bid {
	b := bid{at: at(n)}
	newest := newestAuction(n)
	if r.Below(hotAuctions) > 0 {
		b.auction = firstAuction + newest/hotSpan*hotSpan
	} else {
		low := max(newest-openAuctions, 0)
		b.auction = firstAuction + low + r.Below64(newest-low+1+lead)
	}
	if r.Below(hotBidders) > 0 {
		b.bidder = firstBidder + newestPerson(n)/hotSpan*hotSpan + 1 // next to the hot seller, never the same person
	} else {
		b.bidder = firstBidder + anyPerson(r, n)
	}
	b.price = w.drawPrice(r)
	if r.Below(hotChannels) > 0 {
		b.channel = w.channels[channels+r.Below(len(hotChannelName))]
	} else {
		b.channel = w.channels[r.Below(channels)]
	}
	b.extra = w.filler.draw(r, 4*8, bidBytes)
	return b
}

// AppendEvents appends events from to to-1 as lines of JSON, in the key order
// and with the NULLs that Flink's JSON format writes.
func (w *Workload) AppendEvents(lines []byte, from, to int64) []byte {
	var now, later clock
	text := func(key, value string) { lines = append(append(append(lines, key...), value...), '"') }
	number := func(key string, n int64) { lines = strconv.AppendInt(append(lines, key...), n, 10) }
	moment := func(key string, c *clock, ms int64) { lines = append(c.append(append(lines, key...), ms), '"') }
	extra := func(s span) {
		lines = append(append(append(lines, `,"extra":"`...), w.filler.escaped(s)...), `"}`...)
	}
	w.each(from, to,
		func(p *person) {
			number(`{"event_type":0,"person":{"id":`, p.id)
			text(`,"name":"`, p.name)
			text(`,"emailAddress":"`, p.email)
			text(`,"creditCard":"`, p.creditCard)
			text(`,"city":"`, p.city)
			text(`,"state":"`, p.state)
			moment(`,"dateTime":"`, &now, p.at)
			extra(p.extra)
			lines = append(lines, ",\"auction\":null,\"bid\":null}\n"...)
		},
		func(a *auction) {
			number(`{"event_type":1,"person":null,"auction":{"id":`, a.id)
			text(`,"itemName":"`, a.itemName)
			text(`,"description":"`, a.description)
			number(`,"initialBid":`, a.initialBid)
			number(`,"reserve":`, a.reserve)
			moment(`,"dateTime":"`, &now, a.at)
			moment(`,"expires":"`, &later, a.expires)
			number(`,"seller":`, a.seller)
			number(`,"category":`, a.category)
			extra(a.extra)
			lines = append(lines, ",\"bid\":null}\n"...)
		},
		func(b *bid) {
			number(`{"event_type":2,"person":null,"auction":null,"bid":{"auction":`, b.auction)
			number(`,"bidder":`, b.bidder)
			number(`,"price":`, b.price)
			text(`,"channel":"`, b.channel.name)
			text(`,"url":"`, b.channel.url)
			moment(`,"dateTime":"`, &now, b.at)
			extra(b.extra)
			lines = append(lines, "}\n"...)
		})
	return lines
}

// AppendSideInput appends the side table of q13: lines key,value.
func AppendSideInput(lines []byte) []byte {
	for n := range int64(sideRows) {
		lines = append(strconv.AppendInt(lines, n, 10), ',')
		lines = append(strconv.AppendInt(lines, n, 10), '\n')
	}
	return lines
}

// sideRows is how many rows the side table has.
const sideRows = 10_000
