"""What the reconciler compares of e-waybills: who owns a number, whether it left, and whether anybody was asked."""

WAYBILL_CHECKS: tuple[tuple[str, str], ...] = (
    (
        "waybill",
        # a number belongs to the document that it was given for; whether it is used its parcel says
        """select case
             when v.document_id <> p.document_id
               then format('parcel %s of %s: left under the e-waybill of %s', p.waybill, d.no, o.no)
             when p.id is not null
               then format('e-waybill %s of %s: is %s; a parcel left under it', v.number, o.no, v.state)
             else format('e-waybill %s of %s: is used; no parcel left under it', v.number, o.no) end
           from waybill v join outbound_document o on o.id = v.document_id
           -- the carrier of a parcel may be corrected while it is followed
           left join parcel p on p.waybill = v.number and (p.carrier = v.carrier or p.document_id = v.document_id)
           left join outbound_document d on d.id = p.document_id
           where v.number <> '' and case when p.id is null
             then v.state = 'used' and not exists (  -- its number was corrected since
               select 1 from parcel c where c.renumbered > 0 and c.former_waybills && array[v.number])
             when v.document_id <> p.document_id then v.state <> 'cancelled'  -- it may be given to somebody else then
             else v.state <> 'used' end
           order by v.id""",
    ),
    (
        "effect",
        """select format('e-waybill for package %s of %s: nothing was written to %s', v.package_no, d.no, missing.kind)
           from waybill v join outbound_document d on d.id = v.document_id
           cross join lateral (values ('waybill'), ('waybill.cancel')) missing(kind)
           where (missing.kind = 'waybill' or v.unwanted_at is not null and v.state = 'got')
             and not exists (select 1 from outbox x where x.kind = missing.kind and x.subject_id = v.id)
           order by v.id, 1""",
    ),
)
