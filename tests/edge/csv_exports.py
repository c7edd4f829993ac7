"""Exports of our own making, in the forms of several programs."""

SQUARE = (
    "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,Discounts,"
    "Net Sales,Tax,Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,Location,Dining Option,"
    "Customer ID,Customer Name,Customer Reference ID\n"
    '07/15/26,10:31:05 PM,Eastern Time (US & Canada),Drinks,Latte,1,Regular,,"Oat",'
    '"$5.50",-$0.50,"$5.00",$0.40,TX2,P2,iPad,,,'
    "Payment,Main St,,,,\n"
    "07/15/26,10:31:05 PM,Eastern Time (US & Canada),Drinks,Latte,1,Regular,,,"
    '"$5.50",-$0.50,"$5.00",$0.40,TX2,P2,iPad,,,'
    "Payment,Main St,,,,\n"
    "07/15/26,10:01:00 AM,Eastern Time (US & Canada),Food,Bagel,2,Regular,B1,,"
    '"$7.00",$0.00,"$7.00",$0.56,TX1,P1,iPad,,,'
    'Payment,Main St,,C1,"Kim, J.",2000123456782\n'
    "07/15/26,11:00:00 AM,Eastern Time (US & Canada),Food,Bagel,-1,Regular,B1,,"
    '"-$3.50",$0.00,"-$3.50",-$0.28,TX9,P9,iPad,,,'
    "Refund,Main St,,,,\n"
)
SQUARE_LATER = (
    "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,Discounts,"
    "Net Sales,Tax,Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,Location,Dining Option,"
    "Customer ID,Customer Name,Customer Reference ID,Unit,Count,GTIN,Itemization Type,Commission,Employee,"
    "Fulfillment Note,Channel,Token,Card Brand,PAN Suffix\n"
    "2026-07-18,12:59:30,Eastern Time (US & Canada),Food,Bagel,1.0,Regular,,,$8.00,$0.00,$8.00,$0.64,"
    "Q8fGm2Lk0TzX1vNb7Yd3RwPc5HsJ9,Q8fGm2Lk0TzX1vNb7Yd3RwPc5HsJP,,,,Payment,Main St,,"
    ",,,,1,,Physical Good,$0.00,,,Retail,TKN,Visa,1234\n"
)
LOYVERSE_ITEMS = (
    "Date,Receipt number,Receipt type,Category,SKU,Item,Variant,Modifiers applied,Quantity,Gross sales,"
    "Discounts,Net sales,Cost of goods,Gross profit,Taxes,POS,Store,Cashier name,Customer name,"
    "Customer contacts,Comment,Status\n"
    "7/15/26 3:05 PM,1-1003,Sale,Drinks,L1,Latte,,,2,10.00,1.00,9.00,2.00,7.00,0.90,POS 1,Seoul,,,,,Closed\n"
    "7/15/26 3:05 PM,1-1003,Sale,Food,,Bagel,,,1,3.50,0.00,3.50,1.00,2.50,0.35,POS 1,Seoul,Han,,,,Closed\n"
    "7/15/26 3:01 PM,1-1002,Refund,Food,,Bagel,,,-1,-3.50,0.00,-3.50,-1.00,-2.50,-0.35,POS 1,Seoul,,,,,"
    "Closed\n"
)
LOYVERSE = (
    "Date,Receipt number,Receipt type,Gross sales,Discounts,Net sales,Taxes,Total collected,Payment type,"
    "POS,Store,Customer contacts,Status\n"
    "7/15/26 3:05 PM,1-1003,Sale,8000.00,0.00,8000.00,727.00,8000.00,Cash,POS 1,Seoul,010-1234-5678,Closed\n"
    "7/15/26 3:01 PM,1-1002,Refund,3000.00,0.00,3000.00,0.00,3000.00,Card,POS 1,Seoul,,Closed\n"
    "7/15/26 2:59 PM,1-1001,Sale,5000.00,0.00,5000.00,0.00,5000.00,Cash,POS 1,Seoul,,Cancelled\n"
)
KOREAN = (
    "달빛마트 판매 내역\n기간: 2026.07.01 ~ 2026.07.31\n\n"
    "판매일자;시각;전표번호;상품명;수량;판매금액;할인;결제;회원\n"
    '2026.07.15;오후 3:05;="000042";신라면;2개;"9,960원";0;카드;1012345678\n'
    '2026.07.15;오후 3:05;="000042";우유;1개;"2,980원";"500원";카드;1012345678\n'
    '2026.07.15;오전 9:00;="000041";생수;1개;"1,000원";0;현금;\n'
    "합계;;;;4개;13,940원;500원;;\n"
)
