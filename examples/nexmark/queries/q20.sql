-- Bids on category-10 auctions, with the auction.

SELECT
  bi.auction, bi.bidder, bi.price, bi.channel, bi.url, bi.`dateTime`, bi.extra,
  au.itemName, au.`description`, au.initialBid, au.reserve, au.`dateTime`, au.expires, au.seller, au.category, au.extra
FROM bids AS bi
JOIN auctions AS au ON au.id = bi.auction
WHERE au.category = 10;
