-- The winning bid of every auction.

SELECT
  id, itemName, `description`, initialBid, reserve, `dateTime`, expires, seller, category, extra,
  auction, bidder, price, bid_dateTime, bid_extra
FROM (
  SELECT
    au.*,
    bi.auction,
    bi.bidder,
    bi.price,
    bi.`dateTime` AS bid_dateTime,
    bi.extra AS bid_extra,
    ROW_NUMBER() OVER (PARTITION BY au.id ORDER BY bi.price DESC, bi.`dateTime` ASC) AS place
  FROM auctions AS au
  JOIN bids AS bi
    ON bi.auction = au.id
   AND bi.`dateTime` BETWEEN au.`dateTime` AND au.expires
)
WHERE place = 1;
