"""What personal data may be opened for. There is no other reason, and each opening names one."""

from enum import StrEnum


class Purpose(StrEnum):
    """Why sealed fields of a receiver are opened; who sees them in clear is said behind each."""

    NEWER_VERSION = "newer_version"  # compared with what the platform sends now: nobody
    REVIEW = "review"  # address, notes and invoice looked at by rules: nobody
    TRIAL = "trial"  # the same for rules or a mapping that are not in force: nobody
    REREADING = "rereading"  # a stored payload read with another mapping: nobody
    INSTRUCTION = "instruction"  # a warehouse is told what to ship: it sees notes, the rest masked
    PAPER = "paper"  # pick lists and slips: who packs sees notes, the rest masked
    WAYBILL = "waybill"  # a carrier gives a number and a label: the carrier
    LABEL = "label"  # a label is shown for printing: whoever prints
    PRINTING = "printing"  # a warehouse or supplier fetches the receiver for its own label: it
    DISPLAY = "display"  # an order is shown, masked: a person
    PROGRESS = "progress"  # a buyer looks an order up, masked: whoever showed to be it
    REVEAL = "reveal"  # shown in clear, with a reason: a person
    COPY = "copy"  # the person wants to know what is kept about them
