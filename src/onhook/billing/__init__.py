"""What a call costs: rates, rounding, the bill. Money is Decimal, never float."""

from onhook.billing.rating import Bill, Rate, bill, money

__all__ = ["Bill", "Rate", "bill", "money"]
