-- Average price of the last eleven auctions of every seller, whenever one is won. Flink cannot run this: its OVER takes no corrections.

SELECT seller, AVG(price) OVER (PARTITION BY seller ORDER BY bid_dateTime, id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
FROM (
  SELECT
    au.id,
    au.seller,
    bi.price,
    bi.`dateTime` AS bid_dateTime,
    ROW_NUMBER() OVER (PARTITION BY au.id ORDER BY bi.price DESC, bi.`dateTime` ASC) AS place
  FROM auctions AS au
  JOIN bids AS bi
    ON bi.auction = au.id
   AND bi.`dateTime` BETWEEN au.`dateTime` AND au.expires
)
WHERE place = 1;
