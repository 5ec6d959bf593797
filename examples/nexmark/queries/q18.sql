-- The last bid of every bidder on every auction.

SELECT auction, bidder, price, channel, url, `dateTime`, extra
FROM (
  SELECT
    auction, bidder, price, channel, url, `dateTime`, extra,
    ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY `dateTime` DESC) AS place
  FROM bids
)
WHERE place = 1;
