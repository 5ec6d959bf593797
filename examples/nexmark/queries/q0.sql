-- Pass the bids through.

SELECT auction, bidder, price, `dateTime`, extra
FROM bids;
